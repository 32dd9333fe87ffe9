"""Import of tasks, in batches."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from todo_graphql.store.statements import Statements
from todo_graphql.store.storage import write_within_quota
from todo_graphql.store.tasks.inserts import insert_missing_statement, insert_parameters
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.write_summary import Summary, parse_summary

# Limits of one insert, which keep it well within the statement timeout. Its time grows with the
# characters, because of the search words.
BATCH_TASKS = 500
BATCH_CHARACTERS = 50_000


class Imported(NamedTuple):
    """Result of an import: the numbers of tasks, and the user's revision.

    The numbers are those of new tasks, of existing ones, and of those among them that are in the
    trash.
    """

    created: int
    existing: int
    in_trash: int
    revision: int


def import_tasks(
    statements: Statements,
    tasks: Iterable[NewTask],
    turn: AbstractContextManager[None] | None = None,
) -> Imported:
    """Import tasks in one transaction, which takes at most one revision. Raises QuotaExceeded.

    The turn is taken for each batch, and not while the import waits for the lock on the user's row.
    """
    created = number = in_trash = 0
    batches, turn = _batches(tasks), turn or nullcontext()
    with statements.transaction():
        with turn:
            batch = next(batches, None)
        revision = None if batch is None else statements.revision()
        while batch is not None:
            with turn:
                parameters = insert_parameters(batch, number)
                statement = insert_missing_statement(first=not created)
                trashed, summary = write_within_quota(statements, statement, parameters, _parse)
                revision = summary.revision
                in_trash += trashed
                created, number = created + summary.changed, number + summary.number
                batch = next(batches, None)
    if revision is None:  # there were no tasks
        revision = statements.revision()
    return Imported(created, number - created, in_trash, revision)


def _parse(result: Sequence[Sequence[int]]) -> tuple[int, Summary]:
    return result[0][0], parse_summary(result[0])


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
