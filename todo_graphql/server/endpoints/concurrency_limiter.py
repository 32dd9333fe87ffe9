"""A limit on concurrent requests that use much memory: a few in total, one for each user."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from todo_graphql.errors import Unavailable

ALREADY_RUNNING = "Another import of yours is running. Try again when it has finished."
TOO_MANY = "Too many imports are running. Try again in a moment."
RETRY_AFTER_SECONDS = 5


class ConcurrencyLimiter:
    """The slots of one process, for use on its event loop."""

    def __init__(self, max_slots: int) -> None:
        self._max_slots = max_slots
        self._owners: set[Hashable] = set()

    @contextmanager
    def slot(self, owner: Hashable) -> Iterator[None]:
        """Hold a slot in the `with` block. Raises Unavailable when none is free."""
        if owner in self._owners:
            raise Unavailable(ALREADY_RUNNING, retry_after=RETRY_AFTER_SECONDS)
        if len(self._owners) >= self._max_slots:
            raise Unavailable(TOO_MANY, retry_after=RETRY_AFTER_SECONDS)
        self._owners.add(owner)
        try:
            yield
        finally:
            self._owners.remove(owner)
