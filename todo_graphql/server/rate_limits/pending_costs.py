"""Costs that are known after a request, and wait to be counted with the next one of their key.

Redis is asked once per request in this way.
"""

import threading
from collections import OrderedDict

from todo_graphql.server.rate_limits.sliding_window import MAX_KEYS


class PendingCosts:
    """The pending costs of the last `MAX_KEYS` keys: about 7 MB. A key that is dropped owes
    nothing.
    """

    def __init__(self) -> None:
        self._costs: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, key: str, cost: int) -> int:
        """Add a cost, and return all pending costs of the key."""
        with self._lock:
            total = self._costs[key] = self._costs.pop(key, 0) + cost
            if len(self._costs) > MAX_KEYS:
                self._costs.popitem(last=False)
            return total

    def pop(self, key: str) -> int:
        """Remove and return the pending costs of the key."""
        with self._lock:
            return self._costs.pop(key, 0)
