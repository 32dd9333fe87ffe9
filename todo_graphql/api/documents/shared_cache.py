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

MAX_EVICTIONS = 32
"""The maximum number of entries of other owners that a new entry evicts."""


@dataclass(slots=True)
class SharedValue(Generic[Value]):
    """A value, and the number of owners with an entry for it."""

    text: str
    value: Value
    weight: int
    owners: int = 0


class OwnEntries:
    """The texts of one owner's entries, the least recently used first, and their total weight."""

    def __init__(self) -> None:
        self.texts: OrderedDict[str, None] = OrderedDict()
        self.weight = 0


class SharedCache(Generic[Value]):
    """LRU cache of entries by owner and text, whose values have at most this total weight.

    Only the owner's own use makes an entry recent. The entries of one owner weigh at most
    `owner_room`, so that one owner cannot evict the entries of all others.
    """

    def __init__(
        self, room: int, owner_room: int, max_entries: int, weigh: Callable[[Value], int]
    ) -> None:
        self._room = room
        self._owner_room = owner_room
        self._max_entries = max_entries
        self._weigh = weigh
        self._entries: OrderedDict[tuple[Hashable, str], SharedValue[Value]] = OrderedDict()
        self._owners: dict[Hashable, OwnEntries] = {}
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
            self._owners[owner].texts.move_to_end(entry.text)
            return entry.value

    def put(self, owner: Hashable, text: str, value: Value) -> None:
        """Store an entry for the value of this text: the value of other owners, or else this one.

        A value that alone is heavier than the cache allows is not stored. An entry that would
        evict too many others is not stored either: the value of a popular text leaves the cache
        only with its last owner.
        """
        weight = self._weigh(value)
        if weight > self._owner_room:
            return
        with self._lock:
            shared = self._values.get(text)
            if shared is None:
                shared = self._values[text] = SharedValue(text, value, weight)
                self.weight += weight
            self._add(owner, shared)
            own = self._owners[owner]
            while own.weight > self._owner_room:
                self._evict(owner, next(iter(own.texts)))
            for _ in range(MAX_EVICTIONS):
                if not self._is_overfull():
                    return
                self._evict(*next(iter(self._entries)))
            if self._is_overfull():
                self._evict(owner, text)

    def _is_overfull(self) -> bool:
        return self.weight > self._room or len(self._entries) > self._max_entries

    def _add(self, owner: Hashable, shared: SharedValue[Value]) -> None:
        key = owner, shared.text  # one text in memory for all owners
        if key in self._entries:
            return
        self._entries[key] = shared
        shared.owners += 1
        own = self._owners.setdefault(owner, OwnEntries())
        own.texts[shared.text] = None
        own.weight += shared.weight

    def _evict(self, owner: Hashable, text: str) -> None:
        """Remove an entry, and its value with the last owner."""
        shared = self._entries.pop((owner, text))
        own = self._owners[owner]
        del own.texts[text]
        own.weight -= shared.weight
        if not own.texts:
            del self._owners[owner]
        shared.owners -= 1
        if not shared.owners:
            del self._values[text]
            self.weight -= shared.weight

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._values)
