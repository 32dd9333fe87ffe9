"""What was found out once and is kept, for all threads of a process."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """Keeps so much and no more: what was not asked for longest makes room. `hits` and `misses`
    count what was asked for and was there, or was not.
    """

    def __init__(self, room: int, weigh: Callable[[Value], int] | None = None) -> None:
        """There is room for so many values, or for what they weigh together."""
        self._room = room
        self._weigh = weigh
        self._values: LRUCache[Key, Value] = LRUCache(room, getsizeof=weigh)
        self._lock = threading.Lock()
        self.hits = 0
        self.misses = 0

    def get(self, key: Key) -> Value | None:
        """What is kept under the key."""
        with self._lock:
            value = self._values.get(key)
            if value is None:
                self.misses += 1
            else:
                self.hits += 1
            return value

    def put(self, key: Key, value: Value) -> None:
        """Keep a value, unless it is too heavy for all the room there is."""
        if self._weigh is None or self._weigh(value) <= self._room:
            with self._lock:
                self._values[key] = value

    def __len__(self) -> int:
        """How many values are kept."""
        return len(self._values)

    @property
    def weight(self) -> float:
        """What they weigh together."""
        return self._values.currsize

    def clear(self) -> None:
        """Keep nothing of what there was."""
        with self._lock:
            self._values.clear()
