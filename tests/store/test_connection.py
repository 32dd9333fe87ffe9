"""Connections of viewers: settings, roles and timeouts."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, text
from sqlalchemy.pool import QueuePool

from tests.support.administrators import bare_answer
from tests.support.servers import settings_for
from todo_graphql.errors import Unavailable
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database, migration_engine
from todo_graphql.store.postgres.errors import UnexpectedDatabaseError

NEON_SUSPENDS_AFTER = 300
WHO = text(
    "SELECT current_user, nullif(current_setting('app.user_id', true), ''),"
    " current_setting('statement_timeout')"
)


@pytest.fixture
def viewer() -> Viewer:
    return Viewer(uuid.uuid4())


@pytest.fixture
def single(settings: Settings) -> Iterator[Database]:
    """Database with one connection, so that leftovers of a statement reach the next one."""
    given = {"database_pool_size": 1, "database_max_overflow": 0, "database_statement_timeout": 0.2}
    database = Database(settings.model_copy(update=given))
    yield database
    database.close()


def left_behind(database: Database) -> tuple[Any, ...]:
    """Read role and settings outside of a viewer's statement."""
    return bare_answer(database, WHO.text)


def asking(connection: ViewerConnection) -> tuple[Any, ...]:
    """Read role and settings within a viewer's statement."""
    return tuple(connection.read(WHO)[0])


def connect_arguments(url: str) -> dict[str, Any]:
    """Return psycopg2's arguments for a URL."""
    engine = Database(settings_for(SecretStr(url))).engine
    return dict(engine.dialect.create_connect_args(engine.url)[1])


def test_pool_settings_are_applied(settings: Settings) -> None:
    given = {"database_pool_size": 3, "database_max_overflow": 4}
    pool = Database(settings.model_copy(update=given)).engine.pool
    assert isinstance(pool, QueuePool)
    assert (pool.size(), pool._max_overflow) == (3, 4)
    assert pool._pre_ping
    assert 0 < pool._recycle < NEON_SUSPENDS_AFTER
    assert settings.model_copy(update=given).max_connections == 7


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_both_url_schemes_are_accepted(settings: Settings, viewer: Viewer, scheme: str) -> None:
    _, _, rest = settings.required_database_url().get_secret_value().partition("://")
    given = settings_for(SecretStr(f"{scheme}://{rest}"))
    database = Database(given)
    with database.connect_as(viewer) as connection:
        assert connection.read(select(1))[0][0] == 1
    database.close()
    engine = migration_engine(given)
    with engine.connect() as bare:
        assert bare.execute(select(1)).scalar_one() == 1
    engine.dispose()


@pytest.mark.parametrize("mode", ["disable", "require", "verify-full"])
def test_ssl_mode_comes_from_url(mode: str) -> None:
    url = f"postgresql://user:password@db.example.com/name?sslmode={mode}&channel_binding=prefer"
    arguments = connect_arguments(url)
    assert (arguments["sslmode"], arguments["channel_binding"]) == (mode, "prefer")
    assert "sslmode" not in connect_arguments("postgresql://user:password@db.example.com/name")


def test_statement_settings_are_local_to_viewer(single: Database, viewer: Viewer) -> None:
    before = left_behind(single)
    with single.connect_as(viewer) as connection:
        inside = asking(connection)
    assert inside == ("todo_app", str(viewer.id), "200ms")
    assert left_behind(single) == before
    assert before[0] != "todo_app"


def test_statement_disables_sequential_scans_and_jit(single: Database, viewer: Viewer) -> None:
    planner = text("SELECT current_setting('enable_seqscan'), current_setting('jit')")
    with single.connect_as(viewer) as connection:
        assert tuple(connection.read(planner)[0]) == ("off", "off")
    assert bare_answer(single, planner.text)[0] == "on"


def test_failed_statement_leaves_no_settings(single: Database, viewer: Viewer) -> None:
    before = left_behind(single)
    with single.connect_as(viewer) as connection:
        with pytest.raises(UnexpectedDatabaseError, match="22012"):
            connection.read(text("SELECT 1 / 0"))
        inside = asking(connection)
    assert inside[1] == str(viewer.id)
    assert left_behind(single) == before


def test_reused_connection_runs_as_next_viewer(single: Database) -> None:
    for viewer in (Viewer(uuid.uuid4()), Viewer(uuid.uuid4())):
        with single.connect_as(viewer) as connection:
            inside = asking(connection)
        assert inside[1] == str(viewer.id)


def test_statement_timeout_raises_unavailable(single: Database, viewer: Viewer) -> None:
    with single.connect_as(viewer) as connection:
        with pytest.raises(Unavailable):
            connection.read(select(func.pg_sleep(60)))
        assert connection.read(select(1))[0][0] == 1


def test_statement_timeout_ends_with_statement(single: Database, viewer: Viewer) -> None:
    with single.connect_as(viewer) as connection:
        connection.read(select(1))
    # Longer than the statement timeout.
    bare_answer(single, "SELECT pg_sleep(0.4)")


def test_exhausted_pool_raises_unavailable(settings: Settings, viewer: Viewer) -> None:
    given = {"database_pool_size": 1, "database_max_overflow": 0, "database_connect_timeout": 2}
    database = Database(settings.model_copy(update=given))
    with database.connect_as(viewer) as first, database.connect_as(viewer) as second:
        first.read(select(1))
        with pytest.raises(Unavailable, match="busy"):
            second.read(select(1))
        first.close()
        assert second.read(select(1))[0][0] == 1
    database.close()
