"""Costs that are known after a request, and the counts that they are added to."""

import pytest

from todo_graphql.server.rate_limits import pending_costs
from todo_graphql.server.rate_limits.limiter import PENDING_PARTS, RateLimit
from todo_graphql.server.rate_limits.pending_costs import PendingCosts
from todo_graphql.server.rate_limits.sliding_window import InMemoryWindow, Limit


def test_pending_costs_are_added_and_removed_once() -> None:
    pending = PendingCosts()
    assert [pending.add("a", 2), pending.add("b", 5), pending.add("a", 3)] == [2, 5, 5]
    assert [pending.pop("a"), pending.pop("a"), pending.pop("b")] == [5, 0, 5]


def test_number_of_keys_with_pending_costs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_costs, "MAX_KEYS", 2)
    pending = PendingCosts()
    for key in ("a", "b", "a", "c"):
        pending.add(key, 1)
    assert [pending.pop(key) for key in "abc"] == [2, 0, 1]


def test_pending_cost_counts_even_if_less_remains() -> None:
    window = InMemoryWindow(Limit(10, 60), clock=lambda: 0.0)
    state = window.count("a", 1, 25)
    assert (state.granted, state.current) == (False, 25)
    assert not window.count("a", 0).granted


def test_deducted_cost_is_counted_with_the_next_one() -> None:
    budget = RateLimit("user", f"{10 * PENDING_PARTS}/day", None).budget_of("a")
    assert budget.spend(7).remaining == budget.limit - 7
    budget.deduct(4)
    budget.deduct(6)
    assert budget.spend(3).remaining == budget.limit - 20


def test_large_deduction_is_counted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rate = RateLimit("user", f"{10 * PENDING_PARTS}/day", None)
    budget = rate.budget_of("a")
    budget.deduct(4)
    budget.deduct(7)
    monkeypatch.setattr(rate, "_pending", PendingCosts())  # nothing waits any longer
    assert budget.spend(0).remaining == budget.limit - 11


def test_overdrawn_budget_rejects_until_the_time_is_paid() -> None:
    budget = RateLimit("user", "1000/day", None).budget_of("a")
    budget.deduct(5_000)
    allowance = budget.spend(1)
    assert (allowance.remaining, allowance.retry_after > 24 * 3_600) == (0, True)
