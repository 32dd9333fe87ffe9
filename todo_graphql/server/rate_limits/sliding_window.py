"""Sliding window counters: the current window counts in full, the previous one in proportion to
its overlap.

A counter takes two numbers for each key, and grants no double amount at the edge of a window. The
scripts of `limits` implement it in Redis, where several processes count together.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import NamedTuple

from todo_graphql.outage_log import OutageLog

logger = logging.getLogger(__name__)

MAX_KEYS = 30_000
"""The most keys that are counted in memory in each of two windows: about 12 MB."""

TIMEOUT_SECONDS = 0.2
"""The time-out of a connection to Redis, and of a response."""

RETRY_AFTER_SECONDS = 5.0
"""The pause before Redis is asked again after a failure."""

ROUNDING_SECONDS = 0.001
"""The rounding error of Redis."""


class Limit(NamedTuple):
    """The most that is granted in so many seconds."""

    amount: int
    seconds: int


class WindowState(NamedTuple):
    """The result of a request, and the counts after it.

    The previous window counts for `previous_left` seconds, less and less. The current one counts
    for `current_left` seconds: in full first, and then as the previous one does now.
    """

    granted: bool
    previous: int
    previous_left: float
    current: int
    current_left: float

    def used(self, limit: Limit) -> int:
        """Return the amount that counts now."""
        return int(self.previous * self.previous_left / limit.seconds) + self.current

    def reset_after(self) -> float:
        """Return the seconds until nothing counts."""
        if self.current:
            return self.current_left
        return self.previous_left if self.previous else 0.0

    def retry_after(self, cost: int, limit: Limit) -> int:
        """Return the whole seconds, at least one, until this cost is granted."""
        beside = limit.amount - cost
        if self.current <= beside:  # the window before has to fade
            room, counts, left = beside - self.current, self.previous, self.previous_left
        else:  # the current one has to end first, and to fade then
            room, counts, left = beside, self.current, self.current_left
        # Parts of what fades do not count, so it has to be less than one more than the room.
        return max(1, ceil(left - (room + 1) * limit.seconds / max(counts, 1) + ROUNDING_SECONDS))


class InMemoryWindow:
    """The counts of this process: in each window, those of the last `MAX_KEYS` keys. A key that is
    dropped begins anew. The windows of all keys begin together.

    The in-memory storage of `limits` walks over all keys every 10 ms, each time in a new thread.
    With 10,000 users a hit took 0.2 ms of processor time, with 50,000 users 0.7 ms. Here it takes
    0.001 ms, independent of their number.
    """

    def __init__(self, limit: Limit, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._ends = clock() + limit.seconds
        self._previous: OrderedDict[str, int] = OrderedDict()
        self._current: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, key: str, cost: int) -> WindowState:
        """Count the cost, if the limit has room for it."""
        amount, seconds = self._limit
        with self._lock:
            left = self._ends - self._clock()
            if left <= 0:
                left = self._move_on(left)
            previous, current = self._previous.get(key, 0), self._current.get(key, 0)
            granted = int(previous * left / seconds) + current + cost <= amount
            if granted:
                current += cost
            self._current[key] = current
            self._current.move_to_end(key)
            if len(self._current) > MAX_KEYS:
                self._current.popitem(last=False)
        return WindowState(granted, previous, left, current, left + seconds)

    def _move_on(self, left: float) -> float:
        """Begin the window of the current time. Counts before the previous one are dropped."""
        passed = int(-left / self._limit.seconds) + 1
        self._previous = self._current if passed == 1 else OrderedDict()
        self._current = OrderedDict()
        self._ends += passed * self._limit.seconds
        return left + passed * self._limit.seconds


class RedisWindow:
    """The counts that several processes share, in Redis.

    A failure of Redis fails no request: while it is unavailable or slow, each process counts alone.
    """

    def __init__(self, url: str) -> None:
        """Prepare the storage. The first count connects."""
        from limits.storage import RedisStorage  # noqa: PLC0415 - for those who have a Redis

        self._storage = RedisStorage(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            key_prefix="todo-graphql",
        )
        self._outage = OutageLog(logger, "RATE_LIMIT_STORAGE_URL answers again.")
        self._lock = threading.Lock()
        self._is_away = False
        self._ask_again_at = 0.0

    def count(self, key: str, limit: Limit, cost: int) -> WindowState | None:
        """Count the cost, as in memory. Return None while Redis is unavailable."""
        if not self._allow_request():
            return None
        try:
            granted = self._storage.acquire_sliding_window_entry(key, *limit, cost)
            count = WindowState(granted, *self._storage.get_sliding_window(key, limit.seconds))
        except Exception as error:  # noqa: BLE001 - every failure has the same fallback
            self._open_circuit(error)
            return None
        if self._is_away:
            self._is_away = False
            self._outage.recover()
        return count

    def _allow_request(self) -> bool:
        """Return whether to ask Redis: during an outage, one request per pause tries it."""
        if not self._is_away:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._ask_again_at:
                return False
            self._ask_again_at = now + RETRY_AFTER_SECONDS
            return True

    def _open_circuit(self, error: Exception) -> None:
        with self._lock:
            self._is_away = True
            self._ask_again_at = time.monotonic() + RETRY_AFTER_SECONDS
        # The message of the error may have the address with its password.
        self._outage.report(
            f"RATE_LIMIT_STORAGE_URL does not answer ({type(error).__name__}): until it does, this "
            "process counts for itself."
        )

    def answers(self) -> bool:
        """Return whether Redis answers."""
        return bool(self._storage.check())

    def close(self) -> None:
        """Close all connections."""
        self._storage.storage.close()
