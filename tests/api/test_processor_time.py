"""The charge for processor time, with a clock that the tests set."""

import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from todo_graphql.api import processor_time
from todo_graphql.api.budget import Allowance
from todo_graphql.api.context import Context
from todo_graphql.api.processor_time import call_charged, call_charged_since
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

    limit = LIMIT
    waits_for_redis = False

    def __init__(self, remaining: int = LIMIT) -> None:
        self.remaining = remaining

    def spend(self, cost: int) -> Allowance:
        granted = cost <= self.remaining
        self.remaining -= cost if granted else 0
        return Allowance(LIMIT, max(0, self.remaining), cost, 0.0, 0 if granted else 1)

    def check(self, cost: int) -> Allowance:
        allowance = Account(self.remaining).spend(cost)
        return allowance._replace(remaining=max(0, self.remaining))

    def deduct(self, cost: int) -> None:
        self.remaining -= cost

    def refund(self, cost: int) -> None:
        assert cost > 0
        self.remaining += cost


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(processor_time, "thread_time", clock)
    return clock


def context_with(account: Account | None) -> tuple[Context, Any]:
    """Return a context, and its connection, which has waited for nothing."""
    connection: Any = SimpleNamespace(timings=[], current_wait=0.0)
    return Context(Viewer(uuid.uuid4(), None), connection, "-", account), connection


def work(
    context: Context,
    clock: Clock,
    seconds: float,
    shape: int = 0,
    failure: type[Exception] | None = None,
    refundable: int = 0,
) -> None:
    """Charge a shape, take time, and fail if there is a failure."""
    if shape:
        context.charge(shape)
        context.refundable = refundable
    clock.seconds += seconds
    if failure is not None:
        raise failure


@pytest.mark.parametrize(
    ("shape", "seconds", "total"),
    [
        (2, 0.0, HTTP),
        (2, 1 / 4, HTTP + 250_000),
        (HTTP, 1 / 4, HTTP + 250_000),
        (HTTP + 250_000, 1 / 4, HTTP + 250_000),
        (HTTP + 250_001, 1 / 4, HTTP + 250_001),
        (400_000, 1 / 4, 400_000),
    ],
)
def test_request_costs_the_greater_of_shape_and_time(
    clock: Clock, shape: int, seconds: float, total: int
) -> None:
    account = Account()
    context, _ = context_with(account)
    call_charged(context, work, context, clock, seconds, shape)
    assert LIMIT - account.remaining == context.charged == total
    assert context.remaining == account.remaining


@pytest.mark.parametrize(
    ("refundable", "seconds", "total"),
    [(9_000, 0.0, 1_000), (9_900, 0.0, HTTP), (9_000, 1 / 4, HTTP + 250_000), (0, 0.0, 10_000)],
)
def test_fields_that_are_not_returned_are_charged_back(
    clock: Clock, refundable: int, seconds: float, total: int
) -> None:
    account = Account()
    context, _ = context_with(account)
    call_charged(context, work, context, clock, seconds, 10_000, None, refundable)
    assert LIMIT - account.remaining == context.charged == total
    assert context.remaining == account.remaining


@pytest.mark.parametrize(
    ("before", "total"), [(100, HTTP + 250_000), (HTTP + 250_001, HTTP + 250_001)]
)
def test_earlier_charge_counts_towards_the_time(clock: Clock, before: int, total: int) -> None:
    account = Account()
    context, _ = context_with(account)
    context.charge(before)
    call_charged_since(0, context, work, context, clock, 1 / 4)
    assert LIMIT - account.remaining == context.charged == total


def test_time_of_an_error_is_charged(clock: Clock) -> None:
    account = Account()
    context, _ = context_with(account)
    with pytest.raises(ZeroDivisionError):
        call_charged(context, work, context, clock, 1 / 4, 10, ZeroDivisionError)
    assert LIMIT - account.remaining == HTTP + 250_000


def test_time_is_charged_even_if_less_remains(clock: Clock) -> None:
    account = Account(remaining=10)
    context, _ = context_with(account)
    call_charged(context, work, context, clock, 1 / 4, 10)
    assert account.remaining == 10 - HTTP - 250_000
    assert context.remaining == 0


@pytest.mark.parametrize(("is_new", "cost"), [(False, 0), (True, HTTP + 250_000)])
def test_rejected_request_is_free_unless_its_document_is_new(
    clock: Clock, is_new: bool, cost: int
) -> None:
    account = Account(remaining=50)
    context, _ = context_with(account)

    def run() -> None:
        if is_new:
            context.require_budget(10)
        clock.seconds += 1 / 4
        context.charge(100)

    with pytest.raises(RateLimited):
        call_charged(context, run)
    assert account.remaining == 50 - cost


def test_document_without_budget_is_free(clock: Clock) -> None:
    account = Account(remaining=9)
    context, _ = context_with(account)
    with pytest.raises(RateLimited):
        call_charged(context, context.require_budget, 10)
    assert account.remaining == 9


def test_required_budget_that_recovers_meanwhile_is_not_charged(clock: Clock) -> None:
    account = Account(remaining=9)
    state = account.check(10)
    account.check = lambda cost: state  # type: ignore[method-assign]
    account.remaining = 10
    context, _ = context_with(account)
    with pytest.raises(RateLimited):
        context.require_budget(10)
    assert (account.remaining, context.charged) == (10, 0)


def test_each_piece_is_charged_for_itself(clock: Clock) -> None:
    account = Account()
    context, _ = context_with(account)
    call_charged(context, work, context, clock, 1 / 4, 400_000)
    assert LIMIT - account.remaining == 400_000
    call_charged(context, work, context, clock, 1 / 4)
    assert LIMIT - account.remaining == 400_000 + HTTP + 250_000


def test_long_database_time_is_added(clock: Clock) -> None:
    account = Account()
    context, connection = context_with(account)

    def wait(seconds: float) -> None:
        clock.seconds += 1 / 4
        connection.timings.append(SimpleNamespace(began=0.0, ended=seconds))

    spent = []
    for seconds in (0.04, 2.0, 0.04):
        before = account.remaining
        call_charged(context, wait, seconds)
        spent.append(before - account.remaining)
    usual = HTTP + 250_000
    assert spent == pytest.approx([usual, usual + 2_000_000, usual], abs=1)


def test_time_without_a_limit_is_not_charged(clock: Clock) -> None:
    context, _ = context_with(None)
    call_charged(context, work, context, clock, 1 / 4, 10)
    assert (context.charged, context.allowance) == (0, None)
