"""A cache whose owners share equal values, and learn nothing about each other's entries.

A value is stored once for its text. An owner finds it only after a miss of its own, which takes the
whole work again (decision 0019).
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(slots=True)
class SharedValue(Generic[Value]):
    """A value, and the number of owners with an entry for it."""

    text: str
    value: Value
    weight: int
    owners: int = 0


class SharedCache(Generic[Value]):
    """LRU cache of entries by owner and text, whose values have at most this total weight.

    Only the owner's own use makes an entry recent.
    """

    def __init__(self, room: int, max_entries: int, weigh: Callable[[Value], int]) -> None:
        self._room = room
        self._max_entries = max_entries
        self._weigh = weigh
        self._entries: OrderedDict[tuple[Hashable, str], SharedValue[Value]] = OrderedDict()
        self._values: dict[str, SharedValue[Value]] = {}
        self._lock = threading.Lock()
        self.weight = 0
        self.hits = 0
        self.misses = 0

    def get(self, owner: Hashable, text: str) -> Value | None:
        """Return the value if the owner has an entry, and count a hit or a miss."""
        key = owner, text
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                self.misses += 1
                return None
            self.hits += 1
            self._entries.move_to_end(key)
            return entry.value

    def put(self, owner: Hashable, text: str, value: Value) -> None:
        """Store an entry for the value of this text: the value of other owners, or else this one.

        A value that alone is heavier than the cache allows is not stored.
        """
        weight = self._weigh(value)
        if weight > self._room:
            return
        with self._lock:
            shared = self._values.get(text)
            if shared is None:
                shared = self._values[text] = SharedValue(text, value, weight)
                self.weight += weight
            key = owner, shared.text  # one text in memory for all owners
            if key not in self._entries:
                shared.owners += 1
                self._entries[key] = shared
            while self.weight > self._room or len(self._entries) > self._max_entries:
                self._evict()

    def _evict(self) -> None:
        """Remove the entry that was not used for longest, and its value with the last owner."""
        _, shared = self._entries.popitem(last=False)
        shared.owners -= 1
        if not shared.owners:
            del self._values[shared.text]
            self.weight -= shared.weight

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._values)
