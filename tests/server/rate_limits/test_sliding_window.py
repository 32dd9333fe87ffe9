"""Sliding window counters in memory, with a clock that the tests set."""

import random
import threading

import pytest

from todo_graphql.server.rate_limits import sliding_window
from todo_graphql.server.rate_limits.sliding_window import InMemoryWindow, Limit, WindowState

LIMIT = Limit(100, 10)


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(clock: Clock) -> InMemoryWindow:
    return InMemoryWindow(LIMIT, clock)


def test_costs_above_limit_are_rejected(memory: InMemoryWindow) -> None:
    granted = [memory.count("a", 30).granted for _ in range(4)]
    assert granted == [True, True, True, False]
    assert memory.count("a", 10).granted
    assert not memory.count("a", 1).granted


def test_keys_are_counted_separately(memory: InMemoryWindow) -> None:
    assert memory.count("a", 100).granted
    assert memory.count("b", 60).used(LIMIT) == 60


def test_previous_window_counts_after_its_end(memory: InMemoryWindow, clock: Clock) -> None:
    memory.count("a", 1)
    clock.now += 9.9
    assert memory.count("a", 99).granted
    clock.now += 0.2
    assert not memory.count("a", 3).granted


def test_previous_window_decays_gradually(memory: InMemoryWindow, clock: Clock) -> None:
    memory.count("a", 100)
    clock.now += 15
    assert memory.count("a", 50).granted
    assert not memory.count("a", 1).granted


@pytest.mark.parametrize("seed", range(200))
def test_retry_after_and_reset_are_exact(seed: int, memory: InMemoryWindow, clock: Clock) -> None:
    """A rejected request succeeds after `retry_after`, and not a second earlier.

    The whole limit is available after `reset_after`.
    """
    chance = random.Random(seed)  # noqa: S311 - not a secret
    cost = 1
    while (count := memory.count("a", cost)).granted:
        clock.now += chance.random() * 3
        cost = chance.randint(1, 100)
    began, wait = clock.now, count.retry_after(cost, LIMIT)
    clock.now = began + max(0, wait - 1.01)
    assert not memory.count("a", cost).granted
    clock.now = began + wait
    assert memory.count("a", cost).granted
    clock.now += memory.count("a", 100).reset_after()
    assert memory.count("a", 100).granted


def test_retry_after_includes_rounding_of_redis() -> None:
    """A cost of 31 fits when 70 of 100 count: after three seconds, or a moment later."""
    assert WindowState(False, 100, 10.0, 0, 20.0).retry_after(31, LIMIT) == 4
    assert WindowState(False, 100, 9.9, 0, 19.9).retry_after(31, LIMIT) == 3


def test_counts_before_previous_window_are_dropped(memory: InMemoryWindow, clock: Clock) -> None:
    memory.count("a", 100)
    clock.now += 1_000
    assert memory.count("a", 100).granted


def test_least_recently_used_key_is_dropped(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliding_window, "MAX_KEYS", 2)
    memory = InMemoryWindow(LIMIT, clock)
    used = [memory.count(key, 10).used(LIMIT) for key in "abacab"]
    assert used == [10, 10, 20, 10, 30, 10]


def test_added_costs_drop_least_recently_used_key(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sliding_window, "MAX_KEYS", 2)
    memory = InMemoryWindow(LIMIT, clock)
    for key in "abc":
        memory.add(key, 10)
    assert [memory.count(key, 0).used(LIMIT) for key in "ac"] == [0, 10]


def test_added_cost_counts_in_the_window_of_its_time(memory: InMemoryWindow, clock: Clock) -> None:
    clock.now += 10
    memory.add("a", 100)
    clock.now += 9
    assert memory.count("a", 0).used(LIMIT) == 100


def test_refund_gives_back_at_most_what_was_counted(memory: InMemoryWindow, clock: Clock) -> None:
    memory.count("a", 60)
    memory.refund("a", 50)
    assert memory.count("a", 90).granted
    memory.refund("a", 1_000)
    memory.refund("b", 1_000)
    assert [memory.count(key, 100).granted for key in "ab"] == [True, True]
    assert [memory.count(key, 1).granted for key in "ab"] == [False, False]


def test_refund_reduces_the_window_of_its_cost(memory: InMemoryWindow, clock: Clock) -> None:
    memory.count("a", 100)
    clock.now += 11
    assert memory.count("a", 4).granted
    memory.refund("a", 90)
    state = memory.count("a", 0)
    assert (state.previous, state.current) == (14, 0)


def test_costs_in_progress_count_in_full_until_their_refund(memory: InMemoryWindow) -> None:
    assert memory.count("a", 60).granted
    assert not memory.count("a", 60).granted
    memory.refund("a", 50)
    assert memory.count("a", 60).granted


def test_threads_share_one_limit(clock: Clock) -> None:
    memory = InMemoryWindow(Limit(1_000, 10), clock)
    granted: list[bool] = []

    def spend() -> None:
        granted.extend([memory.count("a", 1).granted for _ in range(500)])

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert granted.count(True) == 1_000
