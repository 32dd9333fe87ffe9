"""Counters of a user's storage: exact after any writes, and never beyond a limit."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import Any

import pytest

from tests.support.quotas import Counters, counters, stored
from todo_graphql.errors import Conflict, NotFound, QuotaExceeded
from todo_graphql.settings.settings import Settings
from todo_graphql.store.idempotency import IdempotencyKeys
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.quota import Quota
from todo_graphql.store.storage import Usage
from todo_graphql.store.sync.outcomes import PushedTask
from todo_graphql.store.tasks.edits import Edits
from todo_graphql.store.tasks.filters import TaskFilter
from todo_graphql.store.tasks.reordering import Destination
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.selections import TaskSelection
from todo_graphql.store.tasks.values.new_values import NewValues
from todo_graphql.store.users import Users

pytestmark = pytest.mark.no_cover

TRASH = TaskSelection(filter=TaskFilter(trashed=True))
WORDS = ("a", "Käse", "🧀" * 9, "milk and bread", "x" * 60)
TAGS = ("Home", "Büro", "🧀", "a", "b")


class Writer:
    """A user who runs random writes, of which some are refused."""

    def __init__(self, connection: ViewerConnection, viewer: Viewer, seed: int) -> None:
        self._connection = connection
        self._users = Users(connection, viewer)
        self._tasks = Tasks(connection)
        self._chance = random.Random(seed)  # noqa: S311 - nothing secret
        self._ids: list[uuid.UUID] = []

    def write(self) -> None:
        """Run one write. Its arguments may name tasks that are gone."""
        actions = [self._create] * 3 + [self._edit, self._edit_tags, self._set] * 3
        actions += [self._mark] * 4
        actions += [self._push] * 3
        actions += [self._import, self._move, self._purge, self._purge, self._empty, self._keyed]
        # Deletion of the account is rare, so that a history grows.
        actions = actions * 3 + [self._delete_account]
        with suppress(NotFound, Conflict, QuotaExceeded):
            self._chance.choice(actions)()

    def _new(self) -> NewTask:
        given = uuid.UUID(int=self._chance.randrange(1, 40))
        self._ids.append(given)
        chance = self._chance
        return NewTask(
            chance.choice(WORDS),
            chance.choice((None, "", *WORDS)),
            id=given,
            tags=tuple(chance.sample(TAGS, chance.randrange(3))),
        )

    def _several(self) -> list[NewTask]:
        new = {task.id: task for task in (self._new() for _ in range(self._chance.randint(1, 4)))}
        return list(new.values())

    def _selection(self) -> TaskSelection:
        chance = self._chance
        if chance.random() < 0.5 or not self._ids:
            return TaskSelection(at_most=30, dry_run=chance.random() < 0.2)
        ids = chance.sample(self._ids, min(len(self._ids), chance.randint(1, 2)))
        return TaskSelection(ids=tuple(dict.fromkeys(ids)))

    def _create(self) -> None:
        self._tasks.create(self._several(), ["input"] * 4)

    def _import(self) -> None:
        self._tasks.import_tasks(self._several())

    def _edit(self) -> None:
        chance, edits = self._chance, {}
        for name in chance.sample(("title", "description", "priority", "tags"), 2):
            values = {
                "title": chance.choice(WORDS),
                "description": chance.choice((None, *WORDS)),
                "priority": chance.randrange(5),
                "tags": chance.sample(TAGS, 2),
            }
            edits[name] = values[name]
        self._tasks.update(self._selection(), Edits(edits))

    def _set(self) -> None:
        new = [
            NewValues(task_id, {"title": self._chance.choice(WORDS), "tags": ["Büro"]})
            for task_id in self._selection().ids or ()
        ]
        if new:
            self._tasks.set_values(new)

    def _push(self) -> None:
        """Push new tasks, edits of known and unknown tasks, and purges."""
        rows: list[PushedTask] = []
        for new in self._several():
            assert new.id is not None
            values: dict[str, Any] = {
                "title": new.title,
                "description": new.description,
                "tags": [*new.tags],
            }
            base = self._chance.choice((None, {}, {"title": self._chance.choice(WORDS)}))
            values["trashed"] = self._chance.random() < 0.3
            purges = self._chance.random() < 0.1
            rows.append(PushedTask(new.id, "rows.0", base, values, values, purges))
        self._tasks.push(rows)

    def _edit_tags(self) -> None:
        added, removed = self._chance.sample(TAGS, 2), self._chance.sample(TAGS, 2)
        self._tasks.update(self._selection(), Edits({}, tuple(added), tuple(removed)))

    def _mark(self) -> None:
        tasks = self._tasks
        action = self._chance.choice((tasks.complete, tasks.reopen, tasks.delete, tasks.restore))
        action(self._selection())

    def _move(self) -> None:
        if self._ids:
            self._tasks.move(self._chance.choice(self._ids), Destination())

    def _purge(self) -> None:
        if self._ids:
            self._tasks.purge(TaskSelection.one(self._chance.choice(self._ids)))

    def _empty(self) -> None:
        self._tasks.purge(TRASH)

    def _keyed(self) -> None:
        def perform() -> dict[str, object]:
            return {"number": self._tasks.create([self._new()], ["input"]).number}

        IdempotencyKeys(self._connection).run_once(str(uuid.uuid4()), [], perform)

    def _delete_account(self) -> None:
        self._users.delete(self._users.me().id)


@pytest.mark.parametrize("seed", range(4))
def test_counters_equal_recount_after_random_writes(
    database: Database, settings: Settings, seed: int
) -> None:
    viewer, url = Viewer(uuid.uuid4()), settings.required_database_url()
    quota = Quota(tasks=12, bytes=900)
    used = []
    with database.connect_as(viewer, quota) as connection:
        writer = Writer(connection, viewer, seed)
        for _ in range(150):
            writer.write()
            usage = stored(url, viewer.id)
            assert counters(url, viewer.id) == (usage, True)
            used.append(usage)
    assert max(used)[0] in range(6, quota.tasks + 1)
    assert max(usage.bytes for usage in used) in range(300, quota.bytes + 1)


def selected(task_id: str) -> TaskSelection:
    return TaskSelection.one(uuid.UUID(task_id))


def test_concurrent_creates_end_at_limit(database: Database, settings: Settings) -> None:
    """Eight connections, of two pools, create until they are refused."""
    viewer, limit = Viewer(uuid.uuid4()), 40
    other = Database(settings)
    start = Barrier(8)

    def create_until_refused(number: int) -> int:
        pool = (database, other)[number % 2]
        with pool.connect_as(viewer, Quota(limit, 10_000)) as connection:
            tasks = Tasks(connection)
            start.wait()
            for created in range(limit + 1):
                try:
                    tasks.create([NewTask("a", id=uuid.uuid4())], ["input"])
                except QuotaExceeded:
                    return created
        raise AssertionError("The limit was exceeded.")

    with ThreadPoolExecutor(8) as threads:
        created = list(threads.map(create_until_refused, range(8)))
    other.close()
    assert sum(created) == limit
    expected = Counters(Usage(limit, limit), exact=True)
    assert counters(settings.required_database_url(), viewer.id) == expected
    assert stored(settings.required_database_url(), viewer.id) == expected.usage


def test_concurrent_updates_end_within_limit(database: Database, settings: Settings) -> None:
    """Of eight updates that each add 30 bytes, three fit into 100."""
    viewer = Viewer(uuid.uuid4())
    with database.connect_as(viewer) as connection:
        rows = Tasks(connection).create([NewTask("a")] * 8, ["input"] * 8).rows
    start = Barrier(8)

    def grow(task_id: str) -> bool:
        with database.connect_as(viewer, Quota(8, 100)) as connection:
            start.wait()
            try:
                Tasks(connection).update(selected(task_id), Edits({"title": "a" * 31}))
            except QuotaExceeded:
                return False
        return True

    with ThreadPoolExecutor(8) as threads:
        grown = sum(threads.map(grow, (row.id for row in rows)))
    assert grown == 3
    expected = Counters(Usage(8, 98), exact=True)
    assert counters(settings.required_database_url(), viewer.id) == expected
