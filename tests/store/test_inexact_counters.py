"""Counters of a user's storage that are inexact, such as after a write of an earlier release."""

import uuid
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administer, administering
from tests.support.quotas import SMALL, counters, stored
from tests.support.servers import migrated_database, settings_for
from todo_graphql.errors import QuotaExceeded
from todo_graphql.settings.settings import Settings
from todo_graphql.store.maintenance import purge
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.storage import Usage, read_storage
from todo_graphql.store.sync.outcomes import PushedTask
from todo_graphql.store.tasks.edits import Edits
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.selections import TaskSelection
from todo_graphql.store.tasks.transfer import imports

pytestmark = pytest.mark.no_cover

EARLIER_RELEASE = """
WITH writer AS (UPDATE users SET revision = revision + 1 WHERE id = :id RETURNING id, revision)
INSERT INTO tasks (user_id, title, revision, rank, title_key, title_order, tag_keys, words)
SELECT id, 'earlier', revision, revision::text, 'earlier', 'earlier', '{}', '' FROM writer
"""


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
