"""Counting in sliding windows, by a clock that tests set."""

import random
import threading

import pytest

from todo_graphql.server.rate_limits import sliding_window
from todo_graphql.server.rate_limits.sliding_window import InMemoryWindow, Limit, WindowState

LIMIT = Limit(100, 10)


class Clock:
    """A clock that stands still until it is told to go on."""

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


def test_no_more_is_granted_than_there_is(memory: InMemoryWindow) -> None:
    granted = [memory.count("a", 30).granted for _ in range(4)]
    assert granted == [True, True, True, False]
    assert memory.count("a", 10).granted
    assert not memory.count("a", 1).granted


def test_everybody_is_counted_apart(memory: InMemoryWindow) -> None:
    assert memory.count("a", 100).granted
    assert memory.count("b", 60).used(LIMIT) == 60


def test_nobody_has_twice_as_much_at_the_end_of_a_window(
    memory: InMemoryWindow, clock: Clock
) -> None:
    memory.count("a", 1)
    clock.now += 9.9
    assert memory.count("a", 99).granted
    clock.now += 0.2
    assert not memory.count("a", 3).granted


def test_it_comes_back_bit_by_bit(memory: InMemoryWindow, clock: Clock) -> None:
    memory.count("a", 100)
    clock.now += 15
    assert memory.count("a", 50).granted
    assert not memory.count("a", 1).granted


@pytest.mark.parametrize("seed", range(200))
def test_times_are_true(seed: int, memory: InMemoryWindow, clock: Clock) -> None:
    """Whatever was spent before, what is refused passes after the time that is said and not a
    second earlier; and after the other one nothing counts any more.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing secret
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


def test_wait_has_a_margin_for_the_rounding_of_redis() -> None:
    """31 pass when 70 of 100 are left: after three seconds, or a moment later."""
    assert WindowState(False, 100, 10.0, 0, 20.0).retry_after(31, LIMIT) == 4
    assert WindowState(False, 100, 9.9, 0, 19.9).retry_after(31, LIMIT) == 3


def test_nothing_counts_of_who_was_away_for_long(memory: InMemoryWindow, clock: Clock) -> None:
    memory.count("a", 100)
    clock.now += 1_000
    assert memory.count("a", 100).granted


def test_who_has_not_come_for_longest_falls_out(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sliding_window, "MAX_KEYS", 2)
    memory = InMemoryWindow(LIMIT, clock)
    used = [memory.count(key, 10).used(LIMIT) for key in "abacab"]
    assert used == [10, 10, 20, 10, 30, 10]


def test_many_threads_get_no_more_than_one(clock: Clock) -> None:
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
