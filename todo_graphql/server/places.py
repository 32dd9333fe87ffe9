"""Places for what takes a lot of memory: a few of them, and one for each user."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from todo_graphql.errors import Unavailable

OWN = "Another import of yours is going on. Try again when it has ended."
FULL = "Too many imports are going on. Try again in a moment."
RETRY_AFTER = 5
"""Seconds, after which one of them may have ended."""


class Places:
    """Those of one process. They are taken and left on its event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._owners: set[Hashable] = set()

    @contextmanager
    def taken(self, owner: Hashable) -> Iterator[None]:
        """Have a place meanwhile. Raises Unavailable when there is none."""
        if owner in self._owners:
            raise Unavailable(OWN, retry_after=RETRY_AFTER)
        if len(self._owners) >= self._most:
            raise Unavailable(FULL, retry_after=RETRY_AFTER)
        self._owners.add(owner)
        try:
            yield
        finally:
            self._owners.remove(owner)
