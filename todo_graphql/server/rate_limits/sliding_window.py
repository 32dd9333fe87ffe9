"""Sliding window counters, in memory.

The current window counts in full, the previous one in proportion to its overlap. A counter takes
two numbers for each key, and grants no double amount at the edge of a window.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import NamedTuple

MAX_KEYS = 30_000
"""The maximum number of keys in each of two windows: about 12 MB."""

ROUNDING_SECONDS = 0.001
"""The precision of the times that Redis returns."""


class Limit(NamedTuple):
    """The maximum amount in a number of seconds."""

    amount: int
    seconds: int


class WindowState(NamedTuple):
    """The result of a request, and the counts after it.

    The previous window counts in decreasing proportion for `previous_left` seconds. The current
    window counts for `current_left` seconds, in full until it becomes the previous one.
    """

    granted: bool
    previous: int
    previous_left: float
    current: int
    current_left: float

    def used(self, limit: Limit) -> int:
        """Return the amount that counts against the limit."""
        return int(self.previous * self.previous_left / limit.seconds) + self.current

    def reset_after(self) -> float:
        """Return the seconds until the whole limit is available."""
        if self.current:
            return self.current_left
        return self.previous_left if self.previous else 0.0

    def retry_after(self, cost: int, limit: Limit) -> int:
        """Return the whole seconds, at least one, until this cost is granted."""
        beside = limit.amount - cost
        if self.current <= beside:  # the previous window has to decay
            room, counts, left = beside - self.current, self.previous, self.previous_left
        else:  # the current window has to end, and then to decay
            room, counts, left = beside, self.current, self.current_left
        # Fractions do not count, so the decaying count must fall below room + 1.
        return max(1, ceil(left - (room + 1) * limit.seconds / max(counts, 1) + ROUNDING_SECONDS))


class InMemoryWindow:
    """The counts of one process.

    Each window holds the last `MAX_KEYS` keys, and the windows of all keys begin together. A key
    that is dropped starts at zero.

    The time per request does not depend on the number of keys (decision 0008).
    """

    def __init__(self, limit: Limit, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._ends = clock() + limit.seconds
        self._previous: OrderedDict[str, int] = OrderedDict()
        self._current: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, key: str, cost: int) -> WindowState:
        """Count the cost if the limit has room for it."""
        return self._add(key, cost, must_fit=True)

    def add(self, key: str, cost: int) -> None:
        """Count a cost after its request was counted, even if the limit has no room for it."""
        self._add(key, cost, must_fit=False)

    def refund(self, key: str, cost: int) -> None:
        """Give back a cost that was counted in the current or the previous window.

        A counter does not become negative.
        """
        with self._lock:
            for window in (self._current, self._previous):
                given_back = min(cost, window.get(key, 0))
                if given_back:
                    window[key] -= given_back
                    cost -= given_back

    def _add(self, key: str, cost: int, *, must_fit: bool) -> WindowState:
        amount, seconds = self._limit
        with self._lock:
            left = self._ends - self._clock()
            if left <= 0:
                left = self._advance(left)
            previous, current = self._previous.get(key, 0), self._current.get(key, 0)
            granted = not must_fit or int(previous * left / seconds) + current + cost <= amount
            if granted:
                current += cost
            self._current[key] = current
            self._current.move_to_end(key)
            while len(self._current) > MAX_KEYS:
                self._current.popitem(last=False)
        return WindowState(granted, previous, left, current, left + seconds)

    def _advance(self, left: float) -> float:
        """Start the current window, and return the seconds that remain of it."""
        passed = int(-left / self._limit.seconds) + 1
        self._previous = self._current if passed == 1 else OrderedDict()
        self._current = OrderedDict()
        self._ends += passed * self._limit.seconds
        return left + passed * self._limit.seconds
