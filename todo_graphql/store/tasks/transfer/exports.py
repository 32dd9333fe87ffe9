"""Export of all tasks, while they may change."""

from collections.abc import Iterator

from todo_graphql.errors import Unavailable
from todo_graphql.store.statements import Statements
from todo_graphql.store.tasks.rows import TaskRow
from todo_graphql.store.tasks.transfer.export_pages import Place, read_export_page

MAX_ROUNDS = 100
"""Maximum number of rounds that an export follows concurrent changes."""


def iter_all(statements: Statements) -> Iterator[list[TaskRow]]:
    """Iterate over pages of all tasks in the manual order, the trash included.

    The caller can return the connection to the pool between two pages. Each round of pages is
    followed by a round of the tasks that have changed since it began, until nothing has, so a
    task that moves meanwhile is included exactly once. Only ids are kept in memory.

    Raises Unavailable if the changes do not end.
    """
    written: set[bytes] = set()
    since = -1
    for _ in range(MAX_ROUNDS):
        revision = statements.revision()
        if revision == since:
            return
        for rows in _changed(statements, since):
            new = {bytes.fromhex(row.id.replace("-", "")): row for row in rows}
            yield [row for key, row in new.items() if key not in written]
            written |= new.keys()
        since = revision
    raise Unavailable("The tasks change too often to export. Try again in a moment.")


def _changed(statements: Statements, since: int) -> Iterator[list[TaskRow]]:
    """Iterate over pages of the tasks that have changed since a revision."""
    place: Place | None = None
    has_next = True
    while has_next:
        page = read_export_page(statements, since, place)
        place, has_next = page.place, page.has_next
        yield page.rows
