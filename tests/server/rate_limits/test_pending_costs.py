"""Costs that are known after a request, and the counts that they are added to."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.redis import KINDS, redis
from todo_graphql.api.budget import Budget
from todo_graphql.server.rate_limits import pending_costs
from todo_graphql.server.rate_limits import redis as redis_window
from todo_graphql.server.rate_limits.limiter import PENDING_PARTS, KeyedLimit
from todo_graphql.server.rate_limits.pending_costs import PendingCosts
from todo_graphql.server.rate_limits.sliding_window import InMemoryWindow, Limit, WindowState


def test_pending_costs_are_added_and_removed_once() -> None:
    pending = PendingCosts()
    assert [pending.add("a", 2), pending.add("b", 5), pending.add("a", 3)] == [2, 5, 5]
    assert [pending.pop("a"), pending.pop("a"), pending.pop("b")] == [5, 0, 5]


def test_number_of_keys_with_pending_costs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_costs, "MAX_KEYS", 2)
    pending = PendingCosts()
    for key in ("a", "b", "a", "c"):
        pending.add(key, 1)
    assert [pending.pop(key) for key in "abc"] == [0, 1, 1]


def test_added_cost_counts_even_if_less_remains() -> None:
    window = InMemoryWindow(Limit(10, 60), clock=lambda: 0.0)
    window.add("a", 25)
    state = window.count("a", 1)
    assert (state.granted, state.current) == (False, 25)


class Shared:
    """The counts of Redis, in memory, with each call. It can be unavailable."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.is_available = self.grants = True

    def count(self, key: str, limit: Limit, cost: int, pending: int) -> WindowState | None:
        if not self.is_available:
            return None
        self.calls.append((cost * self.grants, pending))
        return WindowState(self.grants, 0, 0.0, sum(map(sum, self.calls)), 60.0)


def budget_in(shared: Any) -> Budget:
    return KeyedLimit("user", f"{10 * PENDING_PARTS}/day", shared).budget_of("a")


def test_deducted_costs_are_counted_with_the_next_one() -> None:
    shared = Shared()
    budget = budget_in(shared)
    budget.spend(7)
    budget.deduct(4)
    budget.deduct(6)
    assert budget.spend(3).remaining == budget.limit - 20
    assert shared.calls == [(7, 0), (3, 10)]


def test_large_deduction_is_counted_at_once() -> None:
    shared = Shared()
    budget = budget_in(shared)
    budget.deduct(4)
    budget.deduct(7)
    assert shared.calls == [(0, 11)]


def test_pending_costs_are_counted_in_memory_without_redis() -> None:
    shared = Shared()
    budget = budget_in(shared)
    budget.deduct(4)
    shared.is_available = False
    assert budget.spend(1).remaining == budget.limit - 5
    assert budget.spend(1).remaining == budget.limit - 6


@pytest.mark.parametrize("kind", KINDS)
def test_pending_cost_counts_in_redis_even_if_less_remains(kind: str, tmp_path: Path) -> None:
    with redis(kind, tmp_path) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis_window, "TIMEOUT_SECONDS", 20.0)
        window = redis_window.RedisWindow(server.url.get_secret_value())
        try:
            states = [window.count("a", Limit(10, 60), 1, pending) for pending in (3, 25, 0)]
        finally:
            window.close()
    assert [state and (state.granted, state.current) for state in states] == [
        (True, 4),
        (False, 29),
        (False, 29),
    ]


def test_refund_reduces_the_next_costs() -> None:
    shared = Shared()
    budget = budget_in(shared)
    budget.spend(1_000)
    budget.refund(900)
    assert budget.check(0).remaining == budget.limit - 100
    assert budget.spend(500).remaining == budget.limit - 600
    assert budget.spend(500).remaining == budget.limit - 1_100
    assert shared.calls == [(1_000, 0), (0, 0), (0, 0), (100, 0)]


def test_rejected_cost_keeps_the_refund() -> None:
    shared = Shared()
    budget = budget_in(shared)
    budget.spend(1_000)
    budget.refund(900)
    shared.grants = False
    assert budget.spend(5_000).retry_after > 0
    shared.grants = True
    assert budget.spend(900).remaining == budget.limit - 1_000


def test_refund_expires_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_costs, "MAX_KEYS", 2)
    now = [0.0]
    pending = PendingCosts(10, lambda: now[0])
    pending.refund("a", 7)
    now[0] = 9.0
    pending.refund("a", 2)
    assert [pending.pop_refund("a", 5), pending.refund_of("a")] == [5, 4]
    now[0] = 10.0
    assert [pending.refund_of("a"), pending.pop_refund("a", 5)] == [0, 0]
    for key in "bc":
        pending.refund(key, 1)
    assert [pending.refund_of(key) for key in "abc"] == [0, 1, 1]


def test_used_refund_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next refund has its own time, and a used one takes no place."""
    monkeypatch.setattr(pending_costs, "MAX_KEYS", 2)
    now = [0.0]
    pending = PendingCosts(10, lambda: now[0])
    pending.refund("a", 5)
    assert pending.pop_refund("a", 5) == 5
    now[0] = 9.0
    pending.refund("a", 3)
    now[0] = 18.0
    assert pending.refund_of("a") == 3
    pending.refund("b", 1)
    assert pending.pop_refund("b", 2) == 1
    pending.refund("c", 1)
    assert [pending.refund_of(key) for key in "abc"] == [3, 0, 1]


def test_rejected_cost_keeps_the_refund_without_redis() -> None:
    shared = Shared()
    budget = budget_in(shared)
    budget.refund(900)
    shared.is_available = False
    assert budget.spend(budget.limit + 901).retry_after > 0
    shared.is_available = True
    budget.spend(900)
    assert shared.calls == [(0, 0)]


def test_overdrawn_budget_rejects_until_the_time_is_paid() -> None:
    budget = KeyedLimit("user", "1000/day", None).budget_of("a")
    budget.deduct(5_000)
    allowance = budget.spend(1)
    assert (allowance.remaining, allowance.retry_after > 24 * 3_600) == (0, True)


def test_checked_cost_is_not_spent() -> None:
    budget = KeyedLimit("user", "1000/day", None).budget_of("a")
    budget.spend(995)
    assert [budget.check(cost).retry_after > 0 for cost in (6, 5)] == [True, False]
    checked, spent = budget.check(6), budget.spend(6)
    assert checked._replace(resets=0) == spent._replace(resets=0)
    assert budget.spend(5).remaining == 0
