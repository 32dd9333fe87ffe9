"""The charge for processor time, with a clock that the tests set."""

import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from todo_graphql.api import processor_time
from todo_graphql.api.budget import Allowance, Budget
from todo_graphql.api.context import Context
from todo_graphql.api.processor_time import ChargedTime, call_charged
from todo_graphql.errors import RateLimited
from todo_graphql.store.models import Viewer

HTTP = processor_time.COST_OF_HTTP
LIMIT = 1_000_000


class Clock:
    """The processor time of the thread in seconds."""

    def __init__(self) -> None:
        self.seconds = 5.0

    def __call__(self) -> float:
        return self.seconds


class Account:
    """A budget that records what is spent and deducted."""

    def __init__(self, remaining: int = LIMIT) -> None:
        self.remaining = remaining
        self.budget = Budget(LIMIT, self._spend, self._deduct)

    def _spend(self, cost: int) -> Allowance:
        granted = cost <= self.remaining
        self.remaining -= cost if granted else 0
        return Allowance(LIMIT, max(0, self.remaining), cost, 0.0, 0 if granted else 1)

    def _deduct(self, cost: int) -> None:
        self.remaining -= cost


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(processor_time, "thread_time", clock)
    return clock


def context_with(account: Account | None) -> tuple[Context, Any]:
    """Return a context, and its connection, which has waited for nothing."""
    connection: Any = SimpleNamespace(timings=[], current_wait=0.0)
    budget = None if account is None else account.budget
    return Context(Viewer(uuid.uuid4(), None), connection, "-", budget), connection


@pytest.mark.parametrize(
    ("shape", "seconds", "total"),
    [
        (0, 0.0, HTTP),
        (2, 0.0001, HTTP + 100),
        (HTTP, 0.0001, HTTP + 100),
        (HTTP + 100, 0.0001, HTTP + 100),
        (HTTP + 101, 0.0001, HTTP + 101),
        (10_000, 0.002, 10_000),
        (10, 0.03, HTTP + 30_000),
    ],
)
def test_request_costs_the_greater_of_shape_and_time(
    clock: Clock, shape: int, seconds: float, total: int
) -> None:
    account = Account()
    context, _ = context_with(account)
    with ChargedTime(context):
        context.charge(shape)
        clock.seconds += seconds
    assert LIMIT - account.remaining == pytest.approx(total, abs=1)
    assert context.allowance is not None
    assert context.allowance.remaining == account.remaining
    assert context.charged == LIMIT - account.remaining


def test_time_of_an_error_is_charged(clock: Clock) -> None:
    account = Account()
    context, _ = context_with(account)
    with pytest.raises(ZeroDivisionError), ChargedTime(context):
        context.charge(10)
        clock.seconds += 1 / 4
        raise ZeroDivisionError
    assert LIMIT - account.remaining == HTTP + 250_000


def test_time_is_charged_even_if_less_remains(clock: Clock) -> None:
    account = Account(remaining=10)
    context, _ = context_with(account)
    with ChargedTime(context):
        context.charge(10)
        clock.seconds += 1 / 4
    assert account.remaining == 10 - HTTP - 250_000
    assert context.allowance is not None
    assert (context.allowance.remaining, context.allowance.retry_after) == (0, 0)


def test_rejected_request_is_free_unless_its_document_is_new(clock: Clock) -> None:
    def spend_on_rejection(*, new: bool) -> int:
        account = Account(remaining=50)
        context, _ = context_with(account)
        with pytest.raises(RateLimited), ChargedTime(context):
            if new:
                context.require_budget(10)
            clock.seconds += 1 / 4
            context.charge(100)
        return 50 - account.remaining

    assert spend_on_rejection(new=False) == 0
    assert spend_on_rejection(new=True) == HTTP + 250_000


def test_document_without_budget_is_free(clock: Clock) -> None:
    account = Account(remaining=9)
    context, _ = context_with(account)
    with pytest.raises(RateLimited), ChargedTime(context):
        context.require_budget(10)
    assert account.remaining == 9


def test_each_piece_is_charged_for_itself(clock: Clock) -> None:
    account = Account()
    context, _ = context_with(account)

    def piece() -> None:
        clock.seconds += 1 / 4

    def first_piece() -> None:
        context.charge(400_000)
        piece()

    call_charged(context, first_piece)
    assert LIMIT - account.remaining == 400_000
    call_charged(context, piece)
    assert LIMIT - account.remaining == 400_000 + HTTP + 250_000


def test_long_database_time_is_added(clock: Clock) -> None:
    account = Account()
    context, connection = context_with(account)
    connection.timings.append(SimpleNamespace(began=0.0, ended=3.0))
    with ChargedTime(context):
        clock.seconds += 1 / 4
        connection.timings.append(SimpleNamespace(began=3.0, ended=3.09))
    assert LIMIT - account.remaining == HTTP + 250_000
    with ChargedTime(context):
        connection.timings.append(SimpleNamespace(began=4.0, ended=6.0))
    assert LIMIT - account.remaining == 2 * HTTP + 250_000 + 200_000


def test_time_without_a_limit_is_not_charged(clock: Clock) -> None:
    context, _ = context_with(None)
    with ChargedTime(context):
        context.charge(10)
        clock.seconds += 1 / 4
    assert (context.charged, context.allowance) == (0, None)
