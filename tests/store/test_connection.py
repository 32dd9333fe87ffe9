"""The pool, and what its connections keep to themselves."""

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
    """Somebody."""
    return Viewer(uuid.uuid4())


@pytest.fixture
def single(settings: Settings) -> Iterator[Database]:
    """A database with one connection, so that each statement meets what the last one left."""
    given = {"database_pool_size": 1, "database_max_overflow": 0, "database_statement_timeout": 0.2}
    database = Database(settings.model_copy(update=given))
    yield database
    database.close()


def left_behind(database: Database) -> tuple[Any, ...]:
    """What a bare connection of the pool is, outside of any viewer's statement."""
    return bare_answer(database, WHO.text)


def asking(connection: ViewerConnection) -> tuple[Any, ...]:
    """What it is inside of one."""
    return tuple(connection.read(WHO)[0])


def connect_arguments(url: str) -> dict[str, Any]:
    """What psycopg2 is called with for a URL."""
    engine = Database(settings_for(SecretStr(url))).engine
    return dict(engine.dialect.create_connect_args(engine.url)[1])


def test_the_pool_is_as_configured_and_outlives_a_suspension(settings: Settings) -> None:
    given = {"database_pool_size": 3, "database_max_overflow": 4}
    pool = Database(settings.model_copy(update=given)).engine.pool
    assert isinstance(pool, QueuePool)
    assert (pool.size(), pool._max_overflow) == (3, 4)
    assert pool._pre_ping
    assert 0 < pool._recycle < NEON_SUSPENDS_AFTER
    assert settings.model_copy(update=given).max_connections == 7


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_both_schemes_of_postgresql_are_one(
    settings: Settings, viewer: Viewer, scheme: str
) -> None:
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
def test_the_url_decides_about_encryption(mode: str) -> None:
    url = f"postgresql://user:password@db.example.com/name?sslmode={mode}&channel_binding=prefer"
    arguments = connect_arguments(url)
    assert (arguments["sslmode"], arguments["channel_binding"]) == (mode, "prefer")
    assert "sslmode" not in connect_arguments("postgresql://user:password@db.example.com/name")


def test_a_statement_is_the_viewer_s_and_nothing_of_it_stays(
    single: Database, viewer: Viewer
) -> None:
    before = left_behind(single)
    with single.connect_as(viewer) as connection:
        inside = asking(connection)
    assert inside == ("todo_app", str(viewer.id), "200ms")
    assert left_behind(single) == before
    assert before[0] != "todo_app"


def test_a_statement_never_reads_through_everybodys_rows(single: Database, viewer: Viewer) -> None:
    """Even where PostgreSQL would find that cheaper."""
    planner = text("SELECT current_setting('enable_seqscan'), current_setting('jit')")
    with single.connect_as(viewer) as connection:
        assert tuple(connection.read(planner)[0]) == ("off", "off")
    assert bare_answer(single, planner.text)[0] == "on"


def test_nothing_stays_of_a_statement_that_fails(single: Database, viewer: Viewer) -> None:
    before = left_behind(single)
    with single.connect_as(viewer) as connection:
        with pytest.raises(UnexpectedDatabaseError, match="22012"):
            connection.read(text("SELECT 1 / 0"))
        inside = asking(connection)
    assert inside[1] == str(viewer.id)
    assert left_behind(single) == before


def test_the_next_viewer_on_a_connection_is_the_next_viewer(single: Database) -> None:
    for viewer in (Viewer(uuid.uuid4()), Viewer(uuid.uuid4())):
        with single.connect_as(viewer) as connection:
            inside = asking(connection)
        assert inside[1] == str(viewer.id)


def test_a_statement_that_takes_too_long_is_given_up(single: Database, viewer: Viewer) -> None:
    with single.connect_as(viewer) as connection:
        with pytest.raises(Unavailable):
            connection.read(select(func.pg_sleep(60)))
        assert connection.read(select(1))[0][0] == 1


def test_the_time_limit_does_not_outlive_its_statement(single: Database, viewer: Viewer) -> None:
    with single.connect_as(viewer) as connection:
        connection.read(select(1))
    # Longer than a viewer's statement may take.
    bare_answer(single, "SELECT pg_sleep(0.4)")


def test_whoever_waits_too_long_for_a_connection_is_told_so(
    settings: Settings, viewer: Viewer
) -> None:
    given = {"database_pool_size": 1, "database_max_overflow": 0, "database_connect_timeout": 2}
    database = Database(settings.model_copy(update=given))
    with database.connect_as(viewer) as first, database.connect_as(viewer) as second:
        first.read(select(1))
        with pytest.raises(Unavailable, match="busy"):
            second.read(select(1))
        first.close()
        assert second.read(select(1))[0][0] == 1
    database.close()
