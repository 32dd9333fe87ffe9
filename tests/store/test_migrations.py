"""Migrations: their result, their reversal and their data changes."""

import io
import uuid
from contextlib import suppress
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import Connection, NullPool, create_engine, event, inspect, text

from alembic import command
from tests.support.administrators import administering
from tests.support.quotas import counters
from tests.support.servers import (
    migrated_database,
    migrated_to,
    scratch_database,
    settings_for,
)
from todo_graphql.errors import QuotaExceeded, Unavailable
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import (
    DESCRIPTION_MAX_LENGTH,
    TITLE_MAX_LENGTH,
    Task,
    User,
    Viewer,
    metadata,
)
from todo_graphql.store.postgres import migrations
from todo_graphql.store.postgres.engine import Database, database_url
from todo_graphql.store.quota import Quota
from todo_graphql.store.storage import Usage, read_storage
from todo_graphql.store.tasks.cursors import Listing
from todo_graphql.store.tasks.filters import TaskFilter
from todo_graphql.store.tasks.ordering import OrderField, OrderKey
from todo_graphql.store.tasks.page_requests import PageRequest
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.selections import TaskSelection
from todo_graphql.store.text.search import Search

MIA = Viewer(uuid.UUID(int=7), "mia@example.com")
FIRST_RELEASE = """
WITH me AS (INSERT INTO users (id, revision) VALUES (:me, 3) RETURNING id)
INSERT INTO tasks (user_id, title, revision, created_at)
SELECT id, 'task ' || n, n, now() - n * interval '1 minute' FROM me, generate_series(1, 3) AS n
"""
KEPT_COLUMNS = """
SELECT id, title, description, completed_at, created_at, updated_at, deleted_at, revision
FROM tasks ORDER BY id
"""

CATALOG = """
SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = current_schema::regnamespace
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema
UNION ALL SELECT 'policy', policyname, concat(tablename, cmd, permissive, qual, with_check)
FROM pg_policies
UNION ALL SELECT 'table', relname, concat(relrowsecurity, relforcerowsecurity, relacl)
FROM pg_class WHERE relnamespace = current_schema::regnamespace AND relkind = 'r'
UNION ALL SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc
WHERE pronamespace = current_schema::regnamespace
UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'column', concat(relname, '.', attname),
    concat(format_type(atttypid, atttypmod), attnotnull, attcollation::regcollation, attacl)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = current_schema::regnamespace AND relkind = 'r'
    AND attnum > 0 AND NOT attisdropped
ORDER BY 1, 2, 3
"""


def catalog(connection: Connection) -> list[Any]:
    """Return all objects that a migration can create, without Alembic's table."""
    rows = connection.execute(text(CATALOG)).all()
    return [row for row in rows if "alembic_version" not in row[1]]


def test_models_match_migrations(settings: Settings) -> None:
    engine = create_engine(database_url(settings.required_database_url()))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
        names = {row[1]: row[2] for row in catalog(connection) if row[0] == "constraint"}
    engine.dispose()
    for table in metadata.sorted_tables:
        for constraint in table.constraints:
            assert constraint.name in names
    assert f"AND (char_length(title) <= {TITLE_MAX_LENGTH})" in names["ck_tasks_title_length"]
    assert f"<= {DESCRIPTION_MAX_LENGTH})" in names["ck_tasks_description_length"]


def downgrade_on(connection: Connection, revision: str) -> None:
    """Downgrade to a revision."""
    config = migrations.configuration()
    config.attributes["connection"] = connection
    command.downgrade(config, revision)


def test_revisions_match_alembic() -> None:
    """The server reads revisions from the names of the scripts."""
    script = ScriptDirectory.from_config(migrations.configuration())
    walked = [revision.revision for revision in script.walk_revisions()]
    assert list(migrations.revisions()) == walked[::-1]
    assert migrations.head() == script.get_current_head()


@pytest.mark.plain_postgresql
def test_downgrade_and_upgrade_restore_catalog(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url:
        engine = create_engine(database_url(url))
        states = []
        for move, target in (
            (migrations.upgrade_on, "head"),
            (downgrade_on, "base"),
            (migrations.upgrade_on, "head"),
        ):
            with engine.connect() as connection:
                move(connection, target)
                states.append(catalog(connection))
        engine.dispose()
    assert states[0] == states[2]
    assert states[1] == []


def test_row_level_security_is_forced_on_every_table(settings: Settings) -> None:
    engine = create_engine(database_url(settings.required_database_url()))
    with engine.connect() as connection:
        forced = connection.execute(
            text("SELECT relname FROM pg_class WHERE relforcerowsecurity AND relrowsecurity")
        )
        assert sorted(forced.scalars()) == ["idempotency_keys", "tasks", "tombstones", "users"]
    engine.dispose()


def test_upgrade_of_a_current_database_changes_no_table(postgresql: SecretStr) -> None:
    """A new, changed or rewritten table or index has a different row in the catalog."""
    rows = text(
        "SELECT relname, oid, relfilenode, xmin::text FROM pg_class"
        " WHERE relnamespace = current_schema::regnamespace ORDER BY relname"
    )
    with migrated_database(postgresql) as url, administering(url) as connection:
        before = connection.execute(rows).all()
        migrations.upgrade(settings_for(url))
        after = connection.execute(rows).all()
        revisions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
        assert list(revisions) == [migrations.head()]
    assert {"users", "tasks", "ix_tasks_live"} <= {row.relname for row in before}
    assert after == before


def test_is_current_compares_revisions(postgresql: SecretStr) -> None:
    with migrated_database(postgresql) as url:
        database = Database(settings_for(url))
        states = []
        # '0000' stands for a revision of a later release.
        for change in (
            "SELECT",
            "UPDATE alembic_version SET version_num = '0000'",
            "UPDATE alembic_version SET version_num = '0008'",
            "UPDATE alembic_version SET version_num = '0007'",
            "DELETE FROM alembic_version",
        ):
            with database.engine.connect() as admin:
                admin.execute(text(change))
            with database.connect_as(Viewer(uuid.uuid4())) as connection:
                states.append(migrations.is_current(connection))
        database.close()
    assert states == [True, True, True, False, False]


def test_empty_database_is_not_current(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url:
        database = Database(settings_for(url))
        with database.connect_as(Viewer(uuid.uuid4())) as connection:
            assert not migrations.is_current(connection)
        database.close()


def test_upgrade_without_server_raises_unavailable() -> None:
    nowhere = settings_for(SecretStr("postgresql://nobody@127.0.0.1:1/nothing"))
    with pytest.raises(Unavailable, match="unavailable"):
        migrations.upgrade(nowhere)


def test_relationships_are_bidirectional() -> None:
    assert inspect(User).relationships["tasks"].mapper.class_ is Task
    assert inspect(Task).relationships["user"].mapper.class_ is User
    assert inspect(User).relationships["tasks"].back_populates == "user"


def test_every_task_index_begins_with_user_id() -> None:
    assert {next(iter(index.columns)).name for index in Task.__table__.indexes} == {"user_id"}  # type: ignore[attr-defined]


def test_migration_fills_existing_tasks(postgresql: SecretStr) -> None:
    """The manual order of existing tasks is the order of creation; new tasks are last."""
    with scratch_database(postgresql) as url, administering(url) as admin:
        migrated_to(url, "0001")
        admin.execute(text(FIRST_RELEASE), {"me": MIA.id})
        before = admin.execute(text(KEPT_COLUMNS)).all()
        migrated_to(url)
        assert admin.execute(text(KEPT_COLUMNS)).all() == before
        database = Database(settings_for(url))
        with database.connect_as(MIA) as connection:
            tasks = Tasks(connection)
            tasks.create([NewTask("new")], ["input"])
            listing = Listing(keys=(OrderKey(OrderField.POSITION),))
            rows = tasks.page(PageRequest.from_arguments(listing, first=100)).rows
            assert [row.title for row in rows] == ["task 3", "task 2", "task 1", "new"]
            assert {(row.priority, row.due_on, row.due_at) for row in rows} == {(0, None, None)}
            assert tasks.count(TaskFilter(search=Search("TÂSK 2"))) == 1
        database.close()


def test_existing_tasks_count_after_migration(postgresql: SecretStr) -> None:
    """The migration reads no task. The first create counts those of its user."""
    with scratch_database(postgresql) as url, administering(url) as admin:
        migrated_to(url, "0003")
        admin.execute(text(FIRST_RELEASE), {"me": MIA.id})
        migrated_to(url)
        assert counters(url, MIA.id) == (Usage(0, 0), False)
        database = Database(settings_for(url))
        with database.connect_as(MIA, Quota(tasks=4, bytes=1_000)) as connection:
            assert read_storage(connection)[::2] == (3, 18)
            Tasks(connection).create([NewTask("new")], ["input"])
            assert counters(url, MIA.id) == (Usage(4, 21), True)
            with pytest.raises(QuotaExceeded):
                Tasks(connection).create([NewTask("more")], ["input"])
        database.close()


@pytest.mark.parametrize("revision", ["0004", "0005", "0006", "0007"])
def test_migrate_expands_beside_servers_of_earlier_releases(
    postgresql: SecretStr, revision: str
) -> None:
    """The database then has all that this release needs."""
    with scratch_database(postgresql) as url:
        migrated_to(url, revision)
        assert migrations.upgrade(settings_for(url)) == migrations.EXPANDED
        database = Database(settings_for(url))
        with database.connect_as(MIA) as connection:
            tasks = Tasks(connection)
            created = tasks.create([NewTask("new")], ["input"])
            assert created.revision == 1
            assert tasks.purge(TaskSelection.one(uuid.UUID(created.rows[0].id))).revision == 2
        database.close()
        assert migrations.upgrade(settings_for(url), finish=True) == migrations.head()


def test_migration_fills_several_batches(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url, administering(url) as admin:
        migrated_to(url, "0001")
        admin.execute(text(FIRST_RELEASE.replace("(1, 3)", "(1, 2500)")), {"me": MIA.id})
        migrated_to(url)
        filled = text("SELECT count(*), count(DISTINCT rank), count(words) FROM tasks")
        assert tuple(admin.execute(filled).one()) == (2500, 2500, 2500)


def test_invalid_index_is_rebuilt(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url, administering(url) as admin:
        migrated_to(url, "0002")
        admin.execute(text("CREATE INDEX ix_tasks_due ON tasks (title)"))
        migrated_to(url)
        index = text("SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_tasks_due'")
        assert "(user_id, due, id)" in admin.execute(index).scalar_one()


@pytest.mark.plain_postgresql  # the names of shards are in the catalog
def test_interrupted_migration_can_be_repeated(postgresql: SecretStr) -> None:
    """Each statement fails once, before it is executed."""
    interrupted = set[str]()

    def interrupt(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement not in interrupted:
            interrupted.add(statement)
            raise ZeroDivisionError

    with scratch_database(postgresql) as url, migrated_database(postgresql) as whole:
        engine = create_engine(database_url(url), poolclass=NullPool)
        event.listen(engine, "before_cursor_execute", interrupt)
        for _ in range(1_000):
            with suppress(ZeroDivisionError), engine.connect() as connection:
                migrations.upgrade_on(connection)
                break
        with administering(url) as repeated, administering(whole) as once:
            assert catalog(repeated) == catalog(once)
            assert migrations.head() in repeated.execute(text("TABLE alembic_version")).scalars()
    assert len(interrupted) > 100


def test_migrations_can_be_printed_as_sql() -> None:
    output = io.StringIO()
    config = migrations.configuration()
    config.output_buffer = output
    command.upgrade(config, "head", sql=True)
    assert "CREATE INDEX CONCURRENTLY ix_tasks_due" in output.getvalue()
    assert "UPDATE tasks SET rank" in output.getvalue()
