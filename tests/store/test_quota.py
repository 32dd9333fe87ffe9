"""Counters of a user's storage: exact after any writes, and never beyond a limit."""

import random
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administer, administering
from tests.support.quotas import SMALL, Counters, counters, stored
from tests.support.servers import migrated_database, settings_for
from todo_graphql.errors import Conflict, NotFound, QuotaExceeded
from todo_graphql.settings.settings import Settings
from todo_graphql.store.idempotency import IdempotencyKeys
from todo_graphql.store.maintenance import purge
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.quota import Quota
from todo_graphql.store.storage import Usage, read_storage
from todo_graphql.store.sync.outcomes import PushedTask
from todo_graphql.store.tasks.edits import Edits
from todo_graphql.store.tasks.filters import TaskFilter
from todo_graphql.store.tasks.reordering import Destination
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.selections import TaskSelection
from todo_graphql.store.tasks.transfer import imports
from todo_graphql.store.tasks.values.new_values import NewValues
from todo_graphql.store.users import Users

pytestmark = pytest.mark.no_cover

TRASH = TaskSelection(filter=TaskFilter(trashed=True))
WORDS = ("a", "Käse", "🧀" * 9, "milk and bread", "x" * 60)
TAGS = ("Home", "Büro", "🧀", "a", "b")

EARLIER_RELEASE = """
WITH writer AS (UPDATE users SET revision = revision + 1 WHERE id = :id RETURNING id, revision)
INSERT INTO tasks (user_id, title, revision, rank, title_key, title_order, tag_keys, words)
SELECT id, 'earlier', revision, revision::text, 'earlier', 'earlier', '{}', '' FROM writer
"""


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


@pytest.fixture
def own(database: Database) -> Iterator[tuple[ViewerConnection, Tasks, uuid.UUID]]:
    """Yield a connection of a new user with a small quota, and the user's tasks and id."""
    viewer = Viewer(uuid.uuid4())
    with database.connect_as(viewer, SMALL) as connection:
        yield connection, Tasks(connection), viewer.id


Own = tuple[ViewerConnection, Tasks, uuid.UUID]


def selected(task_id: str) -> TaskSelection:
    return TaskSelection.one(uuid.UUID(task_id))


def write_as_earlier_release(url: SecretStr, user_id: uuid.UUID) -> None:
    """Create a task by a statement that does not know the counters."""
    with administering(url) as admin:
        admin.execute(text(EARLIER_RELEASE), {"id": user_id})


def test_write_of_earlier_release_is_counted_by_next_create(own: Own, settings: Settings) -> None:
    connection, tasks, user_id = own
    url = settings.required_database_url()
    tasks.create([NewTask("a")], ["input"])
    write_as_earlier_release(url, user_id)
    assert counters(url, user_id) == (Usage(1, 1), False)
    assert read_storage(connection)[::2] == (2, 8)
    tasks.create([NewTask("b")], ["input"])
    assert counters(url, user_id) == (Usage(3, 9), True)


def test_inexact_counters_do_not_extend_quota(own: Own, settings: Settings) -> None:
    connection, tasks, user_id = own
    tasks.create([NewTask(title) for title in "abcd"], ["input"] * 4)
    write_as_earlier_release(settings.required_database_url(), user_id)
    with pytest.raises(QuotaExceeded) as refused:
        tasks.create([NewTask("e")], ["input"])
    assert refused.value.details == {"limitName": "tasks", "limit": 5, "used": 5, "requested": 1}
    # The recount is kept.
    assert counters(settings.required_database_url(), user_id) == (Usage(5, 11), True)
    assert read_storage(connection).tasks == 5


def test_inexact_counters_remain_inexact_after_other_writes(own: Own, settings: Settings) -> None:
    _, tasks, user_id = own
    url = settings.required_database_url()
    (first, second) = tasks.create([NewTask("abc"), NewTask("d")], ["input"] * 2).rows
    write_as_earlier_release(url, user_id)
    tasks.complete(selected(first.id))
    tasks.update(selected(first.id), Edits({"title": "ab"}))
    tasks.purge(selected(second.id))
    assert not counters(url, user_id).exact
    tasks.update(selected(first.id), Edits({"title": "abcd"}))
    assert counters(url, user_id) == (stored(url, user_id), True)


def test_import_recounts_within_its_transaction(
    own: Own, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH_TASKS", 1)
    _, tasks, user_id = own
    url = settings.required_database_url()
    tasks.create([NewTask("a")], ["input"])
    write_as_earlier_release(url, user_id)
    tasks.import_tasks([NewTask("b"), NewTask("c")])
    assert counters(url, user_id) == (Usage(4, 10), True)
    with pytest.raises(QuotaExceeded):
        tasks.import_tasks([NewTask("d"), NewTask("e")])
    assert counters(url, user_id) == (Usage(4, 10), True) == (stored(url, user_id), True)


def test_push_recounts_before_it_rejects(own: Own, settings: Settings) -> None:
    connection, tasks, user_id = own
    tasks.create([NewTask("a"), NewTask("b")], ["input"] * 2)
    write_as_earlier_release(settings.required_database_url(), user_id)
    titles = [{"title": title} for title in "cdef"]
    new = [PushedTask(uuid.uuid4(), "rows", None, title, title) for title in titles]
    pushed = tasks.push(new)
    assert [row.id for row in pushed.rejected] == [str(row.id) for row in new[2:]]
    assert {row.code for row in pushed.rejected} == {"QUOTA_EXCEEDED"}
    assert read_storage(connection).tasks == 5
    assert counters(settings.required_database_url(), user_id) == (Usage(5, 11), True)


def test_purge_command_invalidates_counters(postgresql: SecretStr) -> None:
    """Its role cannot read the text of tasks, so it cannot subtract their bytes."""
    viewer = Viewer(uuid.uuid4())
    with migrated_database(postgresql) as url:
        database = Database(settings_for(url))
        with database.connect_as(viewer, SMALL) as connection:
            tasks = Tasks(connection)
            row = tasks.create([NewTask(title) for title in "abcde"], ["input"] * 5).rows[0]
            tasks.delete(selected(row.id))
            administer(
                url,
                "UPDATE tasks SET deleted_at = now() - interval '31 days'"
                " WHERE deleted_at IS NOT NULL",
            )
            assert list(purge.purge(settings_for(url))) == [1, 1]
            assert read_storage(connection)[::2] == (4, 4)
            tasks.create([NewTask("new")], ["input"])
            assert counters(url, viewer.id) == (Usage(5, 7), True)
        database.close()


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
