"""A thread-safe, size-bounded LRU cache with counters of hits and misses."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """LRU cache of at most `room` values, or of values with at most this total weight."""

    def __init__(self, room: int, weigh: Callable[[Value], int] | None = None) -> None:
        self._room = room
        self._weigh = weigh
        self._values: LRUCache[Key, Value] = LRUCache(room, getsizeof=weigh)
        self._lock = threading.Lock()
        self.hits = 0
        self.misses = 0

    def get(self, key: Key) -> Value | None:
        """Return the value of the key, and count a hit or a miss."""
        with self._lock:
            value = self._values.get(key)
            if value is None:
                self.misses += 1
            else:
                self.hits += 1
            return value

    def put(self, key: Key, value: Value) -> None:
        """Store a value, unless it alone is heavier than the cache allows."""
        if self._weigh is None or self._weigh(value) <= self._room:
            with self._lock:
                self._values[key] = value

    def __len__(self) -> int:
        return len(self._values)

    @property
    def weight(self) -> float:
        """The total weight of all values."""
        return self._values.currsize

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
