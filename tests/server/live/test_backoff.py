"""Exponential backoff of streams."""

import pytest

from todo_graphql.server.live import limits
from todo_graphql.server.live.backoff import Backoff


def test_pauses_double_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda least, _most: least)
    backoff = Backoff()
    assert [backoff.next_pause(0) for _ in range(6)] == [1, 2, 4, 8, 16, limits.MAX_PAUSE_SECONDS]
    backoff.reset()
    assert backoff.next_pause(0) == limits.MIN_PAUSE_SECONDS


def test_pause_is_at_least_the_time_that_the_server_asked_for() -> None:
    assert 60 <= Backoff().next_pause(60) <= 120


def test_pauses_after_many_failures_stay_finite() -> None:
    backoff = Backoff()
    assert max(backoff.next_pause(1) for _ in range(5_000)) <= 2 * limits.MAX_PAUSE_SECONDS
