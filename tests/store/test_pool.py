"""Connection pool: pings, recycling and retries."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from tests.support.administrators import administering
from tests.support.commands import until
from todo_graphql.errors import OUTCOME_UNKNOWN, Unavailable
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import pool
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.operation_connection import ConnectionLost
from todo_graphql.store.postgres.pool import driver_connection

VIEWER = Viewer(uuid.uuid4())
PID = text("SELECT pg_backend_pid()")


@pytest.fixture
def two(settings: Settings) -> Iterator[Database]:
    """Database with two connections, both used, which prepare no statements."""
    given = {
        "database_pool_size": 2,
        "database_max_overflow": 0,
        "database_prepared_statements": "off",
    }
    database = Database(settings.model_copy(update=given))
    with database.connect_as(VIEWER) as one, database.connect_as(VIEWER) as other:
        one.read(select(1))
        other.read(select(1))
    yield database
    database.close()


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections that were pinged."""
    asked: list[Any] = []
    ping: Any = PGDialect_psycopg2.do_ping

    def noting(dialect: Any, connection: Any) -> Any:
        asked.append(connection)
        return ping(dialect, connection)

    monkeypatch.setattr(PGDialect_psycopg2, "do_ping", noting)
    return asked


def kill_all(settings: Settings, database: Database) -> None:
    """Terminate all connections of the pool on the server."""
    with database.connect_as(VIEWER) as one, database.connect_as(VIEWER) as other:
        pids = [connection.read(PID)[0][0] for connection in (one, other)]
    with administering(settings.required_database_url()) as admin:
        for pid in pids:
            admin.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def test_fresh_connection_is_not_pinged(two: Database, pings: list[Any]) -> None:
    for _ in range(3):
        with two.connect_as(VIEWER) as connection:
            connection.read(select(1))
    assert pings == []


def test_cancelled_connection_is_discarded(two: Database) -> None:
    """A cancellation after the last result causes no error."""
    with two.connect_as(VIEWER) as connection:
        connection.read(select(1))
        (last,) = connection.read(PID)[0]
        connection.abort()
    with two.connect_as(VIEWER) as one, two.connect_as(VIEWER) as other:
        assert last not in {connection.read(PID)[0][0] for connection in (one, other)}


def test_idle_connection_is_pinged(
    two: Database, pings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "FRESH_SECONDS", 0.0)
    with two.connect_as(VIEWER) as connection:
        connection.read(select(1))
    assert len(pings) == 1


def test_lost_connection_causes_ping_of_others(
    settings: Settings, two: Database, pings: list[Any]
) -> None:
    kill_all(settings, two)
    with two.connect_as(VIEWER) as one, two.connect_as(VIEWER) as other:
        assert one.read(select(1)) == other.read(select(1)) == [(1,)]
    assert pings


def test_write_is_not_retried(settings: Settings, two: Database) -> None:
    kill_all(settings, two)
    with two.connect_as(VIEWER) as connection:
        with pytest.raises(ConnectionLost) as lost:
            connection.write(select(1))
        assert lost.value.message == OUTCOME_UNKNOWN
        assert connection.write(select(1)) == [(1,)]


def test_read_in_transaction_is_not_retried(settings: Settings, two: Database) -> None:
    with two.connect_as(VIEWER) as connection:
        with pytest.raises(Unavailable), connection.transaction():
            pid = connection.read(PID)[0][0]
            with administering(settings.required_database_url()) as admin:
                admin.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            connection.read(select(1))
        assert connection.read(select(1)) == [(1,)]


def test_old_connection_is_recycled(settings: Settings) -> None:
    given = {"database_pool_recycle": 1, "database_pool_size": 1, "database_max_overflow": 0}
    database = Database(settings.model_copy(update=given))
    seen: set[int] = set()

    def is_replaced() -> bool:
        with database.connect_as(VIEWER) as connection:
            seen.add(connection.read(PID)[0][0])
        return len(seen) == 2

    until(is_replaced, "another connection")  # without idle time
    database.close()


def test_connection_returned_during_another_ping_is_not_pinged(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that pings waits for no connection."""
    database = Database(settings.model_copy(update={"database_pool_size": 2}))
    with database.connect_as(VIEWER) as one, database.connect_as(VIEWER) as other:
        one.read(select(1))
        other.read(select(1))
    database.pool.invalidate_recent()
    first = database.connect_as(VIEWER)
    first.read(select(1))
    pings: list[Any] = []
    ping: Any = PGDialect_psycopg2.do_ping

    def returning(dialect: Any, connection: Any) -> Any:
        pings.append(connection)
        first.close()
        return ping(dialect, connection)

    monkeypatch.setattr(PGDialect_psycopg2, "do_ping", returning)
    with database.connect_as(VIEWER) as second, database.connect_as(VIEWER) as third:
        second.read(select(1))
        third.read(select(1))
    database.close()
    assert len(pings) == 1


def test_waiting_thread_gets_returned_connection(settings: Settings) -> None:
    """The connection on the stack returns to the engine's pool."""
    given = {"database_pool_size": 1, "database_max_overflow": 0}
    database = Database(settings.model_copy(update=given))
    answers = []

    def ask() -> None:
        with database.connect_as(VIEWER) as connection:
            answers.append(connection.read(select(1)))

    with database.connect_as(VIEWER) as holder:
        holder.read(select(1))
        waiting = [threading.Thread(target=ask) for _ in range(3)]
        for thread in waiting:
            thread.start()
        until(lambda: database.pool._waiting == len(waiting), "all waiting threads")
    for thread in waiting:
        thread.join(30)
    assert answers == [[(1,)]] * 3
    database.close()


def test_close_closes_every_connection(settings: Settings, two: Database) -> None:
    """Connections on the stack and in the engine's pool are closed."""
    with two.connect_as(VIEWER) as one, two.connect_as(VIEWER) as other:
        pids = [connection.read(PID)[0][0] for connection in (one, other)]
    left = text("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY (:pids)")
    with administering(settings.required_database_url()) as admin:
        assert admin.execute(left, {"pids": pids}).scalar_one() == 2
        two.close()
        until(
            lambda: admin.execute(left, {"pids": pids}).scalar_one() == 0,
            "the end of both connections",
        )


def test_connection_in_use_during_loss_is_pinged(settings: Settings, two: Database) -> None:
    pool = two.pool
    one, other = pool.checkout(), pool.checkout()
    with administering(settings.required_database_url()) as admin:
        for connection in (one, other):
            pid = {"pid": driver_connection(connection).info.backend_pid}
            admin.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), pid)
    one.invalidate()
    pool.invalidate_recent()
    pool.give_back(other)
    taken = pool.checkout()
    with closing(taken.cursor()) as cursor:
        cursor.execute("SELECT 1")
    pool.give_back(taken)


def test_connection_age_counts_from_first_checkout(two: Database) -> None:
    """A stay in the engine's pool does not reset the age."""
    taken = two.pool.checkout()
    own = driver_connection(taken)
    first = own.first_checked_out_at
    two.pool.give_back(taken)
    two.pool.invalidate_recent()
    again = two.pool.checkout(), two.pool.checkout()
    assert own in [driver_connection(connection) for connection in again]
    assert own.first_checked_out_at == first < own.checked_out_at
    for connection in again:
        two.pool.give_back(connection)
