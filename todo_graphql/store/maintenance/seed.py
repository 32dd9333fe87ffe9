"""Sample users and tasks for development and benchmarks.

Equal numbers generate equal users and tasks, so a repeated seed changes nothing.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from todo_graphql.store.models import Priority, Viewer
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.quota import UNLIMITED
from todo_graphql.store.statements import Statements
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.transfer.imports import import_tasks

BATCH_SIZE = 1_000
NAMESPACE = uuid.UUID("5eed5eed-0000-4000-8000-000000000000")
FIRST_USER_DIVISOR = 10
"""The first user gets one task in this many; the other users share the rest."""

VERBS = ("Buy", "Call", "Clean", "Find", "Fix", "Order", "Paint", "Plan", "Return", "Write")
OBJECTS = (
    "the bicycle",
    "a birthday cake",
    "the crème brûlée dishes",
    "the dentist",
    "the garden chairs",
    "a letter to the landlord",
    "milk and bread",
    "the kitchen shelf",
    "the library books",
    "new running shoes",
    "Omas Geschenk",
    "the tax return",
    "train tickets",
    "two lamps",
)
SUFFIXES = ("", " before the weekend", " for the office", " next time", " with Alex", " (urgent?)")
TAGS = ("Errands", "Family", "Garden", "Health", "Home", "Money", "Office", "Travel", "Wichtig")
NOTES = (None, None, "Ask for the receipt.", "The one that we saw last week.\nNot the blue one.")


def seed(database: Database, users: list[Viewer], tasks: int) -> Iterator[int]:
    """Create sample tasks for these users. Yields the number of tasks of each batch."""
    now = datetime.now(UTC)
    for viewer, number in zip(users, split_tasks(len(users), tasks), strict=True):
        chance = random.Random(viewer.id.int)  # noqa: S311 - nothing secret
        with database.connect_as(viewer, UNLIMITED) as connection:
            for start in range(0, number, BATCH_SIZE):
                batch = [
                    sample_task(viewer, place, chance, now)
                    for place in range(start, min(start + BATCH_SIZE, number))
                ]
                import_tasks(Statements(connection), batch)
                yield len(batch)


def split_tasks(users: int, tasks: int) -> list[int]:
    """Return the number of tasks of each user."""
    if users == 1:
        return [tasks]
    first = tasks // FIRST_USER_DIVISOR
    each, left = divmod(tasks - first, users - 1)
    return [first, *(each + (place < left) for place in range(users - 1))]


def sample_users(number: int) -> list[Viewer]:
    """Return sample users."""
    return [
        Viewer(uuid.uuid5(NAMESPACE, str(place)), f"user{place}@example.com")
        for place in range(number)
    ]


def sample_task(viewer: Viewer, place: int, chance: random.Random, now: datetime) -> NewTask:
    """Return a random task: half are completed, few are urgent, some are in the trash."""
    age = timedelta(minutes=chance.randrange(60 * 24 * 365))
    created = now - age
    due = now + timedelta(minutes=chance.randrange(-60 * 24 * 30, 60 * 24 * 60))
    kind = chance.random()
    return NewTask(
        id=uuid.uuid5(viewer.id, str(place)),
        title=chance.choice(VERBS) + " " + chance.choice(OBJECTS) + chance.choice(SUFFIXES),
        description=chance.choice(NOTES),
        priority=chance.choices(tuple(Priority), (50, 15, 20, 10, 5))[0],
        due_on=due.date().isoformat() if kind < 0.4 else None,
        due_at=due.isoformat() if 0.4 <= kind < 0.6 else None,
        tags=tuple(chance.sample(TAGS, chance.choice((0, 0, 1, 1, 2, 3)))),
        completed_at=(created + age / 2).isoformat() if chance.random() < 0.5 else None,
        created_at=created.isoformat(),
        deleted_at=(created + age * 0.9).isoformat() if chance.random() < 0.05 else None,
    )
