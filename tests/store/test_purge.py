"""`todo-graphql purge`: deleted rows, kept rows and privileges."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administer, administering
from tests.support.commands import PATIENCE, refusal, run, until
from tests.support.servers import migrated_database, settings_for
from todo_graphql.dev import postgres_binaries
from todo_graphql.dev.database import with_database_of_dev
from todo_graphql.store.maintenance import purge
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.errors import UnexpectedDatabaseError
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.selections import TaskSelection

ALICE, BOB = (Viewer(uuid.UUID(int=number)) for number in (1, 2))


@pytest.fixture
def url(postgresql: SecretStr) -> Iterator[SecretStr]:
    """URL of a separate database, because a purge affects all users."""
    with migrated_database(postgresql) as own:
        yield own


def plant(url: SecretStr, viewer: Viewer, *ages: int | None) -> None:
    """Create a task for each number of days in the trash; None for a task outside of it."""
    database = Database(settings_for(url))
    with database.connect_as(viewer) as connection, administering(url) as admin:
        tasks = Tasks(connection)
        for age in ages:
            row = tasks.create([NewTask(f"{age}")], ["input"]).rows[0]
            if age is not None:
                admin.execute(
                    text(
                        "UPDATE tasks SET deleted_at = now() - :age * interval '1 day'"
                        " WHERE id = :id"
                    ),
                    {"age": age, "id": row.id},
                )
    database.close()


def state(url: SecretStr) -> dict[str, object]:
    """Return the titles of all tasks, and the revisions of all users."""
    with administering(url) as admin:
        titles = admin.execute(text("SELECT title FROM tasks ORDER BY title")).scalars().all()
        revisions = admin.execute(text("SELECT revision FROM users ORDER BY id")).scalars().all()
    return {"titles": titles, "revisions": revisions}


def test_purge_deletes_old_trash_only(url: SecretStr, tmp_path: Path) -> None:
    """The revision of an affected user increases."""
    plant(url, ALICE, None, 29, 31, 400)
    plant(url, BOB, None, 1)
    finished = run("purge", folder=tmp_path, DATABASE_URL=url.get_secret_value())
    assert (finished.returncode, finished.stdout) == (0, "2 tasks were removed.\n"), finished
    assert state(url) == {"titles": ["1", "29", "None", "None"], "revisions": [5, 2]}
    again = run("purge", "--days", "0", folder=tmp_path, DATABASE_URL=url.get_secret_value())
    assert again.stdout == "2 tasks were removed.\n"
    assert state(url) == {"titles": ["None", "None"], "revisions": [6, 3]}


def test_purge_leaves_tombstones_until_they_are_old(url: SecretStr) -> None:
    """A deleted tombstone sets the revision behind which clients start anew."""
    plant(url, ALICE, 31, 32, None)
    plant(url, BOB, 31)
    stones = text("SELECT count(*), min(revision), max(revision) FROM tombstones")
    forgotten = text("SELECT forgotten_revision FROM users ORDER BY id")
    assert list(purge.purge(settings_for(url))) == [3, 2, 1]
    with administering(url) as admin:
        assert admin.execute(stones).one() == (3, 2, 4)
        admin.execute(
            text(
                "UPDATE tombstones SET created_at = now() - interval '181 days' WHERE user_id = :u"
            ),
            {"u": ALICE.id},
        )
    assert list(purge.purge(settings_for(url, tombstone_days=182))) == [0]
    assert list(purge.purge(settings_for(url))) == [0]
    with administering(url) as admin:
        assert admin.execute(stones).one() == (1, 2, 2)
        assert admin.execute(forgotten).scalars().all() == [4, 0]
    assert state(url)["revisions"] == [4, 2]


def test_trash_days_setting_limits_purge(url: SecretStr) -> None:
    plant(url, ALICE, 1, 3)
    assert list(purge.purge(settings_for(url, trash_days=2))) == [1, 1]
    assert state(url)["titles"] == ["1"]


def test_trash_of_the_lowest_user_is_purged(url: SecretStr) -> None:
    plant(url, Viewer(uuid.UUID(int=0)), 31)
    assert list(purge.purge(settings_for(url))) == [1, 1]
    assert state(url)["titles"] == []


def test_purge_runs_in_batches(url: SecretStr) -> None:
    plant(url, ALICE, None)
    administer(
        url,
        "INSERT INTO tasks"
        " (user_id, title, revision, deleted_at, rank, title_key, title_order, tag_keys, words)"
        " SELECT id, 'old', 1, now() - interval '31 days', '', '', '', '{}', ''"
        " FROM users, generate_series(1, 2500)",
    )
    assert list(purge.purge(settings_for(url))) == [2500, 1000, 1000, 500]
    assert state(url) == {"titles": ["None"], "revisions": [4]}


@pytest.mark.plain_postgresql
def test_task_restored_during_purge_is_kept(url: SecretStr) -> None:
    """The purge found the task in the trash before."""
    plant(url, ALICE, 31)
    settings = settings_for(url)
    database = Database(settings)
    waits = text(
        "SELECT count(*) = 1 FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with administering(url) as admin, ThreadPoolExecutor(1) as pool:
        task_id = admin.execute(text("SELECT id FROM tasks")).scalar_one()
        with database.connect_as(ALICE) as connection, connection.transaction():
            assert Tasks(connection).restore(TaskSelection.one(task_id)).number == 1
            purged = pool.submit(list, purge.purge(settings))
            until(lambda: admin.execute(waits).scalar_one(), "a purge that waits")
        assert purged.result(PATIENCE) == [1]
    database.close()
    assert state(url)["titles"] == ["31"]


def test_purge_deletes_expired_idempotency_keys(url: SecretStr) -> None:
    plant(url, ALICE, None)
    administer(
        url,
        "INSERT INTO idempotency_keys (user_id, key, digest, answer, created_at)"
        " SELECT id, key, '', '', now() - age FROM users,"
        " (VALUES ('young', interval '23 hours'), ('old', interval '25 hours')) AS k (key, age)",
    )
    assert list(purge.purge(settings_for(url))) == [0]
    with administering(url) as admin:
        assert admin.execute(text("SELECT key FROM idempotency_keys")).scalars().all() == ["young"]


def test_purge_without_privilege_is_rejected(url: SecretStr, tmp_path: Path) -> None:
    """The role of a server, as the README creates it, cannot purge."""
    name = f"server_{uuid.uuid4().hex}"
    administer(url, f"CREATE ROLE {name} LOGIN PASSWORD 'x'", f"GRANT todo_app TO {name}")
    try:
        as_server = url.get_secret_value().replace("postgres@", f"{name}:x@", 1)
        sentence = refusal("purge", folder=tmp_path, DATABASE_URL=as_server)
        assert "GRANT todo_upkeep" in sentence
    finally:
        administer(url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT title FROM tasks",
        "SELECT description FROM tasks",
        "SELECT email FROM users",
        "SELECT answer FROM idempotency_keys",
        "UPDATE tasks SET title = 'x'",
        pytest.param("UPDATE tasks SET user_id = id", marks=pytest.mark.plain_postgresql),
        "DELETE FROM users",
        "INSERT INTO users (id) VALUES (gen_random_uuid())",
    ],
)
def test_todo_upkeep_cannot_read_user_text(database: Database, statement: str) -> None:
    as_upkeep = text(f"SELECT set_config('role', 'todo_upkeep', true); {statement}")
    with (
        database.connect_as(ALICE) as connection,
        pytest.raises(UnexpectedDatabaseError, match="42501"),
    ):
        connection.write(as_upkeep)


def test_purge_without_database_reports_error(tmp_path: Path) -> None:
    assert "DATABASE_URL is not set" in refusal("purge", folder=tmp_path)
    away = "postgresql://nobody@127.0.0.1:1/nothing"
    assert "unavailable" in refusal("purge", folder=tmp_path, DATABASE_URL=away)


def test_configured_database_needs_no_embedded_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image and some systems have no embedded PostgreSQL."""
    monkeypatch.setattr(postgres_binaries, "find_spec", lambda _name: None)
    settings = settings_for(SecretStr("postgresql://nobody@127.0.0.1:1/nothing"))
    assert with_database_of_dev(settings) is settings
    for_migrations = settings.model_copy(
        update={"database_url": None, "database_url_unpooled": settings.database_url}
    )
    assert with_database_of_dev(for_migrations).database_url == settings.database_url
