"""The fold of all changes that a client reads equals the user's tasks, after any writes."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from pydantic import SecretStr
from sqlalchemy import delete, insert, select, text

from tests.support.administrators import administering
from tests.support.offline_replicas import OfflineRules, state_of
from tests.support.servers import migrated_database, settings_for
from todo_graphql.store.maintenance import purge
from todo_graphql.store.maintenance.history import begin_history
from todo_graphql.store.models import TASKS, TOMBSTONES, USERS
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.sync import push
from todo_graphql.store.sync.cursor import SyncCursor
from todo_graphql.store.tasks import repository
from todo_graphql.store.tasks.edits import Edits
from todo_graphql.store.tasks.filters import TaskFilter
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask, TaskRow
from todo_graphql.store.tasks.selections import TaskSelection
from todo_graphql.store.users import Users

OWNERS = {USERS: USERS.c.id, TASKS: TASKS.c.user_id, TOMBSTONES: TOMBSTONES.c.user_id}


class Replica:
    """Client that applies the changes that it reads, page by page."""

    def __init__(self) -> None:
        self.cursor: str | None = None
        self.tasks: dict[str, TaskRow] = {}

    def pull(self, tasks: Tasks, size: int) -> bool:
        """Read a page. Return whether there are more changes."""
        since = None if self.cursor is None else SyncCursor.decode(self.cursor, "since")
        page = tasks.changes(since, size)
        if page.reset:
            self.tasks = {}
        for change in page.changes:
            if change.task is None:
                self.tasks.pop(change.id, None)
            else:
                self.tasks[change.id] = change.task
        self.cursor = page.cursor
        return page.has_more


@cached_statement
def rebalance_statement(scope: ViewerScope) -> Any:
    return scope.rebalance_ranks()


class Sync(OfflineRules):
    """Writes of one user, and replicas that read at any time.

    One replica reads in full after each write, the others in pages of any size. Further replicas
    edit offline, and push and pull at any time.
    """

    url: ClassVar[SecretStr]

    def __init__(self) -> None:
        super().__init__()
        self.replicas = [Replica() for _ in range(3)]
        self.ids = [uuid.uuid4() for _ in range(5)]
        self.backup: Mapping[Any, Sequence[Any]] = {}

    def find_all(self, tasks: Tasks) -> dict[str, TaskRow]:
        ids = [row.id for page in tasks.iter_all() for row in page]
        found = {task_id: tasks.find(uuid.UUID(task_id)) for task_id in ids}
        return {task_id: row for task_id, row in found.items() if row is not None}

    def pick(self, tasks: Tasks, place: int) -> TaskSelection | None:
        rows = list(self.find_all(tasks))
        return TaskSelection.one(uuid.UUID(rows[place % len(rows)])) if rows else None

    @initialize()
    def create_the_first(self) -> None:
        self.import_some(5)

    @rule(number=st.integers(1, 5))
    def import_some(self, number: int) -> None:
        new = [NewTask("imported", id=task_id) for task_id in self.ids[:number]]
        with self.connect() as connection:
            Tasks(connection).import_tasks(new)

    @rule(replica=st.sampled_from([1, 2]), size=st.integers(1, 3))
    def read_a_page(self, replica: int, size: int) -> None:
        with self.connect() as connection:
            self.replicas[replica].pull(Tasks(connection), size)

    @rule(replica=st.sampled_from([1, 2]))
    def read_all(self, replica: int) -> None:
        with self.connect() as connection:
            while self.replicas[replica].pull(Tasks(connection), 10):
                pass

    @rule(title=st.sampled_from(["a", "b"]))
    def retitle_all(self, title: str) -> None:
        which = TaskSelection(filter=TaskFilter(), at_most=500)
        with self.connect() as connection:
            Tasks(connection).update(which, Edits({"title": title}))

    @rule(place=st.integers(0, 10), verb=st.sampled_from(["complete", "delete", "purge", "purge"]))
    def change_one(self, place: int, verb: str) -> None:
        with self.connect() as connection:
            tasks = Tasks(connection)
            selected = self.pick(tasks, place)
            if selected is not None:
                getattr(tasks, verb)(selected)

    @rule()
    def purge_all(self) -> None:
        """Purge all tasks under one revision."""
        with self.connect() as connection:
            tasks = Tasks(connection)
            tasks.delete(TaskSelection(filter=TaskFilter(), at_most=500))
            tasks.purge(TaskSelection(filter=TaskFilter(trashed=True)))

    @rule()
    def rebalance(self) -> None:
        with self.connect() as connection:
            Statements(connection).write(rebalance_statement())

    @rule(trash_days=st.sampled_from([0, 1]))
    def purge_by_command(self, trash_days: int) -> None:
        list(purge.purge(settings_for(self.url, trash_days=trash_days)))

    @rule()
    def forget_tombstones(self) -> None:
        with administering(self.url) as admin:
            admin.execute(text("UPDATE tombstones SET created_at = now() - interval '1 year'"))
        self.purge_by_command(1)

    @rule(number=st.integers(0, 5))
    def begin_another_life(self, number: int) -> None:
        with self.connect() as connection:
            revision = Statements(connection).revision()
            Users(connection, self.viewer).delete(str(self.viewer.id))
            for _ in range(min(number * revision, 20)):
                Tasks(connection).create([NewTask("another life")], ["input"])

    @rule()
    def back_up(self) -> None:
        with administering(self.url) as admin:
            self.backup = {
                table: admin.execute(select(table).where(owner == self.viewer.id)).mappings().all()
                for table, owner in OWNERS.items()
            }

    @rule(number=st.integers(0, 3))
    def restore_backup(self, number: int) -> None:
        """Restore the backup, and repeat revisions that replicas have seen."""
        if not self.backup:
            return
        with administering(self.url) as admin:
            admin.execute(delete(USERS).where(USERS.c.id == self.viewer.id))
            for table, rows in self.backup.items():
                for row in rows:
                    admin.execute(insert(table).values(**row))
        begin_history(settings_for(self.url))
        for _ in range(number):
            self.retitle_all("restored")
            self.retitle_all("and changed")

    @invariant()
    def replica_that_has_read_all_equals_the_table(self) -> None:
        self.compare(self.replicas[:1])

    def teardown(self) -> None:
        self.synchronize()
        self.compare(self.replicas)
        assert {one.cursor for one in self.offline} == {self.replicas[0].cursor}

    def compare(self, replicas: Sequence[Replica]) -> None:
        with self.connect() as connection:
            tasks = Tasks(connection)
            expected = self.find_all(tasks)
            for replica in replicas:
                while replica.pull(tasks, 2):
                    pass
                assert replica.tasks == expected
            for offline in self.offline:
                if not offline.edits and offline.cursor == self.replicas[0].cursor:
                    assert offline.tasks == {key: state_of(row) for key, row in expected.items()}


@pytest.fixture(scope="module")
def machine(postgresql: SecretStr) -> Iterator[type[Sync]]:
    """The machine on a separate database, because purges and histories concern all users."""
    with migrated_database(postgresql) as url, pytest.MonkeyPatch.context() as patch:
        Sync.url, Sync.database = url, Database(settings_for(url))
        # So few that old ones are deleted in the middle of a revision.
        patch.setattr(repository, "MAX_TOMBSTONES", 7)
        patch.setattr(push, "MAX_TOMBSTONES", 7)
        yield Sync
        Sync.database.close()


@pytest.mark.no_cover
def test_fold_of_changes_equals_tasks(machine: type[Sync]) -> None:
    case = machine.TestCase
    case.settings = settings(
        max_examples=25,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    case("runTest").runTest()
