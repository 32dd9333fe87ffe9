"""Live reads: the executions of a subscription, one for each event of its stream."""

from todo_graphql.store.sync.changes import Changes

MIN_EVENT_COST = 10
"""The cost of an event without changes, beside its processor time."""


class LiveRead:
    """One read of a stream: the cursor from which it reads, and the page that it has read.

    The first read has no cursor of its own and begins at the argument `since`. `page` stays None if
    the read fails.
    """

    __slots__ = ("_size", "cursor", "page")

    def __init__(self, cursor: str | None = None) -> None:
        self.cursor = cursor
        self.page: Changes | None = None
        self._size = 1

    def accept(self, page: Changes, size: int) -> None:
        """Keep the page, which can have `size` changes."""
        self.page, self._size = page, size

    def fail(self) -> None:
        """Discard the page, which is not in the response."""
        self.page = None

    @property
    def is_first(self) -> bool:
        return self.cursor is None

    @property
    def has_found(self) -> bool:
        """Return whether the page has anything to tell the client."""
        return self.page is not None and (self.page.reset or bool(self.page.changes))

    def cost_after(self, cost: int) -> int:
        """Return the cost of a later event by the number of its changes. The first event is charged
        before it is read, like a query.
        """
        if self.is_first or self.page is None:
            return 0
        return max(MIN_EVENT_COST, cost * len(self.page.changes) // self._size)
