"""A limit on concurrent requests that take a lot of memory: a few in all, one for each user."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from todo_graphql.errors import Unavailable

OWN = "Another import of yours is going on. Try again when it has ended."
FULL = "Too many imports are going on. Try again in a moment."
RETRY_AFTER = 5
"""Seconds, after which one of them may have ended."""


class ConcurrencyLimiter:
    """The slots of one process, which are used on its event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._owners: set[Hashable] = set()

    @contextmanager
    def slot(self, owner: Hashable) -> Iterator[None]:
        """Hold a slot in the `with` block. Raises Unavailable when none is free."""
        if owner in self._owners:
            raise Unavailable(OWN, retry_after=RETRY_AFTER)
        if len(self._owners) >= self._most:
            raise Unavailable(FULL, retry_after=RETRY_AFTER)
        self._owners.add(owner)
        try:
            yield
        finally:
            self._owners.remove(owner)
