"""Row-level security alone, without statement scoping, and its check at the start."""

from contextlib import closing
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.isolation import World, somebody, tear_down_wall_2
from tests.support.servers import migrated_database
from todo_graphql.errors import Unavailable
from todo_graphql.server.readiness import Readiness
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres import rls_check
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.errors import UnexpectedDatabaseError

OWNER = pytest.mark.plain_postgresql
"""Citus refuses a change of the owner before it examines privileges."""


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO tasks (user_id, title, revision) VALUES (:alice, 'planted', 1)",
        "INSERT INTO users (id) VALUES (gen_random_uuid())",
        pytest.param("UPDATE tasks SET user_id = :alice", marks=OWNER),
        "UPDATE tasks SET id = :alice",
        "UPDATE tasks SET created_at = now()",
        pytest.param("UPDATE users SET id = :alice", marks=OWNER),
        "INSERT INTO idempotency_keys (user_id, key, digest, answer) VALUES (:alice, 'k', '', '')",
        pytest.param("UPDATE idempotency_keys SET user_id = :alice", marks=OWNER),
        "TRUNCATE tasks",
        "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE loot (id int)",
        "UPDATE alembic_version SET version_num = ''",
    ],
)
def test_viewer_role_lacks_privilege(database: Database, statement: str) -> None:
    alice, mallory = somebody("alice"), somebody("mallory")
    refused = text(statement.replace(":alice", f"'{alice.id}'"))
    with (
        database.connect_as(mallory) as connection,
        pytest.raises(UnexpectedDatabaseError, match="42501"),
    ):
        connection.write(refused)


def test_unscoped_statements_reach_own_rows_only(settings: Settings, database: Database) -> None:
    world = World(settings.required_database_url(), statement=True, database=True)
    alice, mallory = somebody("alice"), somebody("mallory")
    world.create(alice, "hers")
    own = world.create(mallory, "own")
    before = world.everything_of(alice)
    with database.connect_as(mallory) as connection:
        seen = connection.read(text("SELECT id::text FROM tasks"))
        users = connection.read(text("SELECT id FROM users"))
        touched = connection.write(text("UPDATE tasks SET title = 'x' RETURNING id::text"))
        removed = connection.write(text("DELETE FROM tasks RETURNING id::text"))
        gone = connection.write(text("DELETE FROM users RETURNING id"))
    assert [row[0] for row in (*seen, *touched, *removed)] == [own] * 3
    assert [row[0] for row in (*users, *gone)] == [mallory.id] * 2
    assert world.everything_of(alice) == before
    world.database.close()


def test_viewer_role_without_user_id_sees_no_rows(settings: Settings, database: Database) -> None:
    world = World(settings.required_database_url(), statement=True, database=True)
    world.create(somebody("alice"), "hers")
    with database.engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT set_config('role', 'todo_app', true);"
                " SELECT id FROM tasks UNION ALL SELECT id FROM users"
            )
        )
        assert rows.all() == []
    world.database.close()


SETTINGS = text(
    "SELECT current_user, current_setting('statement_timeout'), current_setting('jit'),"
    " current_setting('enable_seqscan'), coalesce(current_setting('app.user_id', true), '')"
)


def test_settings_end_with_message(database: Database) -> None:
    """A failed message and a transaction end them as well. PostgreSQL sends no warnings."""
    viewer = somebody("alice")
    with database.connect_as(viewer) as connection:
        driver = database.pool.checkout()
        driver.notices.clear()  # of other tests
        database.pool.give_back(driver)
        before = _settings(driver)
        own = connection.read(SETTINGS)[0]
        assert own[0] == "todo_app"
        assert own[4] == str(viewer.id)
        assert not set(own) & set(before)
        assert _settings(driver) == before
        with pytest.raises(UnexpectedDatabaseError):
            connection.write(text("SELECT 1 / 0"))
        assert _settings(driver) == before
        with connection.transaction():
            assert connection.read(SETTINGS)[0] == own
            assert connection.read(SETTINGS)[0] == own
        assert _settings(driver) == before
        assert driver.notices == []


def _settings(driver: Any) -> Any:
    with closing(driver.cursor()) as cursor:
        cursor.execute(str(SETTINGS))
        return cursor.fetchone()


def test_rls_check_accepts_safe_database_and_leaves_no_rows(database: Database) -> None:
    rls_check.check_row_level_security(database)
    with database.engine.connect() as connection:
        planted = connection.execute(text("SELECT FROM tasks WHERE title = 'planted'")).all()
    assert planted == []


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
        "CREATE POLICY everybody ON tasks USING (true)",
        "CREATE POLICY everybody ON users USING (true)",
        "ALTER TABLE idempotency_keys DISABLE ROW LEVEL SECURITY",
        "ALTER POLICY mine ON tasks USING (true) WITH CHECK (true)",
    ],
)
def test_rls_check_rejects_unsafe_database(postgresql: SecretStr, damage: str) -> None:
    with migrated_database(postgresql) as url:
        world = World(url, statement=True, database=True)
        with world.database.engine.connect() as connection:
            connection.execute(text(damage))
        with pytest.raises(rls_check.UnsafeDatabaseError, match="Row-level security"):
            rls_check.check_row_level_security(world.database)
        world.database.close()


def test_unsafe_database_is_not_served(postgresql: SecretStr) -> None:
    with migrated_database(postgresql) as url:
        tear_down_wall_2(url)
        world = World(url, statement=True, database=True)
        with pytest.raises(Unavailable, match="not safe"):
            Readiness(world.database).require_rls_check()
        world.database.close()
