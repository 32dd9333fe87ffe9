"""Tasks that come back, all of them or none."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from todo_graphql.store.statements import Statements
from todo_graphql.store.tasks.inserts import insert_missing_statement, insert_parameters
from todo_graphql.store.tasks.rows import NewTask

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
