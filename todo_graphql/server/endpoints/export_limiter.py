"""A limit on concurrent exports: a few for each user, and a number in total."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from todo_graphql.errors import Unavailable

MAX_OWNER_EXPORTS = 2
MAX_EXPORTS = 40
"""The most exports of a process. Each has a page, a part of the file and a write buffer in memory,
about 3 MB.
"""

RETRY_AFTER_SECONDS = 5

ALREADY_RUNNING = (
    f"{MAX_OWNER_EXPORTS} exports of yours are running. Try again when one of them has finished."
)
TOO_MANY = "Too many exports are running. Try again in a moment."


class ExportLimiter:
    """The running exports of one process, for use on its event loop."""

    def __init__(self) -> None:
        self._running: Counter[Hashable] = Counter()

    @contextmanager
    def slot(self, owner: Hashable) -> Iterator[None]:
        """Hold a slot in the `with` block. Raises Unavailable when none is free."""
        if self._running[owner] >= MAX_OWNER_EXPORTS:
            raise Unavailable(ALREADY_RUNNING, retry_after=RETRY_AFTER_SECONDS)
        if self._running.total() >= MAX_EXPORTS:
            raise Unavailable(TOO_MANY, retry_after=RETRY_AFTER_SECONDS)
        self._running[owner] += 1
        try:
            yield
        finally:
            self._running[owner] -= 1
            if not self._running[owner]:
                del self._running[owner]
