"""All tasks of a viewer, for whoever writes them down."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from todo_graphql.errors import Unavailable
from todo_graphql.store.statements import Statements
from todo_graphql.store.tasks.cursors import Listing, PageRequest
from todo_graphql.store.tasks.filters import Comparison, TaskFilter
from todo_graphql.store.tasks.inserts import insert_missing_statement, insert_parameters
from todo_graphql.store.tasks.ordering import OrderField, OrderKey
from todo_graphql.store.tasks.pages import read_page
from todo_graphql.store.tasks.rows import ALL, NewTask, TaskRow

EXPORT_PAGE_SIZE = 500
MAX_ROUNDS = 100
"""Rounds of changes to run after, before whoever makes them is told to stop for a moment."""


def iter_all(statements: Statements) -> Iterator[list[TaskRow]]:
    """Pages of all tasks in the manual order, the trash included.

    No two pages need the same connection, so whoever takes them may give it back between them.
    That leaves room for changes. A task that moves meanwhile, ahead or back, is there once all
    the same: each round of pages is followed by one of what has changed since it began, until
    nothing has. It takes the ids of what was there, and nothing else, to remember.

    Raises Unavailable when the changes do not end.
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
    raise Unavailable("The tasks change all the time. Try again in a moment.")


def _changed(statements: Statements, since: int) -> Iterator[list[TaskRow]]:
    """Pages of what has changed since a revision."""
    condition = Comparison("revision", "gt", since)
    listing = Listing(TaskFilter(condition, trashed=None), (OrderKey(OrderField.POSITION),))
    request = PageRequest(listing, EXPORT_PAGE_SIZE)
    has_next = True
    while has_next:
        page = read_page(statements, request, ALL)
        has_next = page.has_next
        if has_next:
            request = request.following(page.places[-1], page.rows[-1].id)
        yield list(page.rows)


# What one statement inserts well within its time-out: so many tasks, or so many characters,
# because it is the words to search for that take the time.
BATCH_TASKS = 500


BATCH_CHARACTERS = 250_000


class Imported(NamedTuple):
    """How many tasks are new, how many were there already, and the user's revision."""

    created: int
    existing: int
    revision: int


def import_tasks(statements: Statements, tasks: Iterable[NewTask]) -> Imported:
    """One transaction, and one revision for all that is new; none where nothing is."""
    created = number = 0
    revision: int | None = None
    with statements.transaction():
        for batch in _batches(tasks):
            ((revision, given, new),) = statements.write(
                insert_missing_statement(first=not created), insert_parameters(batch, number)
            )
            created, number = created + new, number + given
    if revision is None:  # there was none to write, so nobody has appeared either
        revision = statements.revision()
    return Imported(created, number - created, revision)


def _batches(tasks: Iterable[NewTask]) -> Iterator[list[NewTask]]:
    batch: list[NewTask] = []
    characters = 0
    for task in tasks:
        batch.append(task)
        characters += len(task.title) + len(task.description or "") + sum(map(len, task.tags))
        if len(batch) == BATCH_TASKS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
