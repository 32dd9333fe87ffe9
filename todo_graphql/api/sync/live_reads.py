"""Live reads: the executions of a subscription, one for each event of its stream."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from todo_graphql.store.sync.changes import Changes


class LiveRead:
    """One read of a stream: the cursor from which it reads, and the page that it has read.

    The first read has no cursor of its own and begins at the argument `since`. A read after a hint
    `expects_changes`. `page` stays None if the read fails.
    """

    __slots__ = ("cursor", "expects_changes", "page")

    def __init__(self, cursor: str | None = None, *, expects_changes: bool = False) -> None:
        self.cursor = cursor
        self.expects_changes = expects_changes
        self.page: Changes | None = None

    def fail(self) -> None:
        """Discard the page, which is not in the response."""
        self.page = None

    @property
    def has_found(self) -> bool:
        """Return whether the page has anything to tell the client."""
        return self.page is not None and (self.page.reset or bool(self.page.changes))
