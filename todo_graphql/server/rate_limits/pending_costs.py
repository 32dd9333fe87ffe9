"""Costs and refunds that are known after a request, and wait for the next one of their key.

A request asks Redis once in this way. With a new document it asks twice: the budget is checked
before the document is parsed.
"""

import threading
import time
from collections.abc import Callable

from todo_graphql.server.rate_limits.sliding_window import MAX_KEYS


class PendingCosts:
    """The pending costs and the refunds of at most `MAX_KEYS` keys each: about 5 MB.

    The key that has waited longest is dropped first. A refund expires after `seconds`: the cost
    that it reduces does not count much longer.
    """

    def __init__(self, seconds: float = 3_600, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._costs: dict[str, int] = {}
        self._refunds: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def add(self, key: str, cost: int) -> int:
        """Add a cost, and return all pending costs of the key."""
        with self._lock:
            total = self._costs[key] = self._costs.get(key, 0) + cost
            if len(self._costs) > MAX_KEYS:
                del self._costs[next(iter(self._costs))]
            return total

    def pop(self, key: str) -> int:
        """Remove and return the pending costs of the key."""
        with self._lock:
            return self._costs.pop(key, 0)

    def refund(self, key: str, cost: int) -> None:
        """Add a part of a counted cost that reduces the next ones."""
        with self._lock:
            amount, expires = self._refund(key)
            self._refunds[key] = amount + cost, expires
            if len(self._refunds) > MAX_KEYS:
                del self._refunds[next(iter(self._refunds))]

    def refund_of(self, key: str) -> int:
        """Return the refund of the key."""
        return self._refund(key)[0] if key in self._refunds else 0

    def pop_refund(self, key: str, cost: int) -> int:
        """Remove and return the refund of the key, at most this cost."""
        if key not in self._refunds:
            return 0
        with self._lock:
            amount, expires = self._refund(key)
            refund = min(amount, cost)
            if amount > refund:
                self._refunds[key] = amount - refund, expires
            else:
                self._refunds.pop(key, None)
            return refund

    def _refund(self, key: str) -> tuple[int, float]:
        """Return the refund of the key, and the time when it expires."""
        now = self._clock()
        amount, expires = self._refunds.get(key, (0, 0.0))
        return (amount, expires) if now < expires else (0, now + self._seconds)
