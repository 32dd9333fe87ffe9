"""Counting in sliding windows: a full one, and as much of the one before as it still overlaps.

It takes two numbers for each who is counted, and lets nobody have twice as much at a window's
edge. `limits` does it with its scripts in Redis, where several processes count together.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import NamedTuple

from todo_graphql.troubles import Trouble

logger = logging.getLogger(__name__)

MAX_KEYS = 30_000
"""How many are counted in memory in each of two windows: some 12 MB."""

PATIENCE = 0.2
"""Seconds to wait for a connection to Redis, and for an answer."""

PAUSE = 5.0
"""Seconds for which Redis is left alone after it has failed."""

MARGIN = 0.001
"""Seconds by which Redis may round."""


class Limit(NamedTuple):
    """How much there may be in how many seconds."""

    amount: int
    seconds: int


class Count(NamedTuple):
    """Whether something was granted, and what is counted since: in the window before, which
    still counts for `previous_left` seconds, and less and less; and in the current one, which
    does for `current_left` seconds, first in full and then as the other does now.
    """

    granted: bool
    previous: int
    previous_left: float
    current: int
    current_left: float

    def used(self, limit: Limit) -> int:
        """As much as counts now."""
        return int(self.previous * self.previous_left / limit.seconds) + self.current

    def fades_in(self) -> float:
        """Seconds until nothing counts any more."""
        if self.current:
            return self.current_left
        return self.previous_left if self.previous else 0.0

    def room_in(self, cost: int, limit: Limit) -> int:
        """Whole seconds until there is room for this, at least one."""
        beside = limit.amount - cost
        if self.current <= beside:  # the window before has to fade
            room, counts, left = beside - self.current, self.previous, self.previous_left
        else:  # the current one has to end first, and to fade then
            room, counts, left = beside, self.current, self.current_left
        # Parts of what fades do not count, so it has to be less than one more than the room.
        return max(1, ceil(left - (room + 1) * limit.seconds / max(counts, 1) + MARGIN))


class Memory:
    """What is counted by this process: in each window, of the last `MAX_KEYS` who came. Who falls
    out begins anew. The windows of all begin together.

    `limits` has a storage in memory, too. It walks over all keys every 10 ms, in a new thread
    each time: with 10,000 users this took 0.2 ms of processor time for each hit, with 50,000
    0.7. This takes 0.001 ms, however many there are.
    """

    def __init__(self, limit: Limit, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._ends = clock() + limit.seconds
        self._previous: OrderedDict[str, int] = OrderedDict()
        self._current: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, key: str, cost: int) -> Count:
        """Count this, if there is room for it."""
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
        return Count(granted, previous, left, current, left + seconds)

    def _move_on(self, left: float) -> float:
        """To the window of this time. What there was two windows ago counts no longer."""
        passed = int(-left / self._limit.seconds) + 1
        self._previous = self._current if passed == 1 else OrderedDict()
        self._current = OrderedDict()
        self._ends += passed * self._limit.seconds
        return left + passed * self._limit.seconds


class Shared:
    """What several processes count together, in Redis.

    Nothing fails because Redis does: while it is away, or slow, each process counts for itself.
    """

    def __init__(self, url: str) -> None:
        """Nothing connects before it has to."""
        from limits.storage import RedisStorage  # noqa: PLC0415 - for those who have a Redis

        self._storage = RedisStorage(
            url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            key_prefix="todo-graphql",
        )
        self._trouble = Trouble(logger, "RATE_LIMIT_STORAGE_URL answers again.")
        self._lock = threading.Lock()
        self._is_away = False
        self._ask_again_at = 0.0

    def count(self, key: str, limit: Limit, cost: int) -> Count | None:
        """The same as in memory; None while Redis is away."""
        if not self._may_ask():
            return None
        try:
            granted = self._storage.acquire_sliding_window_entry(key, *limit, cost)
            count = Count(granted, *self._storage.get_sliding_window(key, limit.seconds))
        except Exception as error:  # noqa: BLE001 - whatever it is, there is another way to count
            self._is_gone(error)
            return None
        if self._is_away:
            self._is_away = False
            self._trouble.end()
        return count

    def _may_ask(self) -> bool:
        """Once in a while one may find out whether Redis is back."""
        if not self._is_away:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._ask_again_at:
                return False
            self._ask_again_at = now + PAUSE
            return True

    def _is_gone(self, error: Exception) -> None:
        with self._lock:
            self._is_away = True
            self._ask_again_at = time.monotonic() + PAUSE
        # Its message may have the address, and more.
        self._trouble.tell(
            f"RATE_LIMIT_STORAGE_URL does not answer ({type(error).__name__}): until it does, this "
            "process counts for itself."
        )

    def answers(self) -> bool:
        """Whether Redis does."""
        return bool(self._storage.check())

    def close(self) -> None:
        """Close all connections."""
        self._storage.storage.close()
