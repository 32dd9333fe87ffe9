"""Tasks that come back, all of them or none."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import func

from todo_graphql.store.creation import recreation
from todo_graphql.store.database import ViewerConnection
from todo_graphql.store.mine import Mine
from todo_graphql.store.models import USERS
from todo_graphql.store.rows import NewTask

# What one statement inserts well within its time-out: so many tasks, or so many characters,
# because it is the words to search for that take the time.
BATCH_TASKS = 500
BATCH_CHARACTERS = 250_000


class Imported(NamedTuple):
    """How many tasks are new, how many were there already, and the user's revision."""

    created: int
    existing: int
    revision: int


def bring_back(connection: ViewerConnection, mine: Mine, tasks: Iterable[NewTask]) -> Imported:
    """One transaction, and one revision for all that is new; none where nothing is."""
    created = number = 0
    revision: int | None = None
    with connection.transaction():
        for batch in _batches(tasks):
            statement = recreation(mine, batch, first=not created, offset=number)
            (answer,) = connection.write(statement)
            created, number = created + answer.changed, number + answer.number
            revision = answer.user_revision
    if revision is None:
        ((revision,),) = connection.read(mine.user(func.max(USERS.c.revision)))
    return Imported(created, number - created, revision or 0)


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
