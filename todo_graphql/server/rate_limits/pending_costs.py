"""Costs that are known after a request, and wait to be counted with the next one of their key.

A request asks Redis once in this way. With a new document it asks twice: the budget is checked
before the document is parsed.
"""

import threading

from todo_graphql.server.rate_limits.sliding_window import MAX_KEYS


class PendingCosts:
    """The pending costs of at most `MAX_KEYS` keys: about 5 MB. The key that has waited longest is
    dropped first.
    """

    def __init__(self) -> None:
        self._costs: dict[str, int] = {}
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
