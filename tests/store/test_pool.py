"""The pool's connections: asked whether they work, unless they worked a moment ago."""

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
from todo_graphql.store.postgres.connection import ConnectionLost
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.pool import driver_connection

VIEWER = Viewer(uuid.uuid4())
PID = text("SELECT pg_backend_pid()")


@pytest.fixture
def two(settings: Settings) -> Iterator[Database]:
    """A database with two connections, of which both have been used."""
    given = {"database_pool_size": 2, "database_max_overflow": 0}
    database = Database(settings.model_copy(update=given))
    with database.connect_as(VIEWER) as one, database.connect_as(VIEWER) as other:
        one.read(select(1))
        other.read(select(1))
    yield database
    database.close()


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections that were asked."""
    asked: list[Any] = []
    ping: Any = PGDialect_psycopg2.do_ping

    def noting(dialect: Any, connection: Any) -> Any:
        asked.append(connection)
        return ping(dialect, connection)

    monkeypatch.setattr(PGDialect_psycopg2, "do_ping", noting)
    return asked


def kill_all(settings: Settings, database: Database) -> None:
    """End all connections of the pool on the server's side."""
    with database.connect_as(VIEWER) as one, database.connect_as(VIEWER) as other:
        pids = [connection.read(PID)[0][0] for connection in (one, other)]
    with administering(settings.required_database_url()) as admin:
        for pid in pids:
            admin.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def test_one_that_worked_a_moment_ago_is_not_asked(two: Database, pings: list[Any]) -> None:
    for _ in range(3):
        with two.connect_as(VIEWER) as connection:
            connection.read(select(1))
    assert pings == []


def test_one_that_was_broken_off_is_nobodys(two: Database) -> None:
    """It may have come when the last answer was there, so that no statement has failed."""
    with two.connect_as(VIEWER) as connection:
        connection.read(select(1))
        (last,) = connection.read(PID)[0]
        connection.abort()
    with two.connect_as(VIEWER) as one, two.connect_as(VIEWER) as other:
        assert last not in {connection.read(PID)[0][0] for connection in (one, other)}


def test_one_that_rested_is_asked(
    two: Database, pings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "FRESH_SECONDS", 0.0)
    with two.connect_as(VIEWER) as connection:
        connection.read(select(1))
    assert len(pings) == 1


def test_when_one_is_lost_the_others_are_asked(
    settings: Settings, two: Database, pings: list[Any]
) -> None:
    """So what only reads is answered, by new ones."""
    kill_all(settings, two)
    with two.connect_as(VIEWER) as one, two.connect_as(VIEWER) as other:
        assert one.read(select(1)) == other.read(select(1)) == [(1,)]
    assert pings


def test_what_writes_is_not_tried_again(settings: Settings, two: Database) -> None:
    kill_all(settings, two)
    with two.connect_as(VIEWER) as connection:
        with pytest.raises(ConnectionLost) as lost:
            connection.write(select(1))
        assert lost.value.message == OUTCOME_UNKNOWN
        assert connection.write(select(1)) == [(1,)]


def test_nothing_in_a_transaction_is_tried_again(settings: Settings, two: Database) -> None:
    """What went before it is undone."""
    with two.connect_as(VIEWER) as connection:
        with pytest.raises(Unavailable), connection.transaction():
            pid = connection.read(PID)[0][0]
            with administering(settings.required_database_url()) as admin:
                admin.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            connection.read(select(1))
        assert connection.read(select(1)) == [(1,)]


def test_one_that_is_old_is_replaced(settings: Settings) -> None:
    given = {"database_pool_recycle": 1, "database_pool_size": 1, "database_max_overflow": 0}
    database = Database(settings.model_copy(update=given))
    seen: set[int] = set()

    def is_replaced() -> bool:
        with database.connect_as(VIEWER) as connection:
            seen.add(connection.read(PID)[0][0])
        return len(seen) == 2

    until(is_replaced, "another connection")  # without a rest of a moment
    database.close()


def test_whoever_waits_is_given_the_next_one(settings: Settings) -> None:
    """The one on the stack, which the engine's own pool knows nothing of."""
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
        until(lambda: database.pool._waiting == len(waiting), "all that wait")
    for thread in waiting:
        thread.join(30)
    assert answers == [[(1,)]] * 3
    database.close()


def test_closed_pool_leaves_no_connection_open(settings: Settings, two: Database) -> None:
    """Neither of those that worked a moment ago, nor of the engine's own."""
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


def test_one_that_was_taken_before_another_was_lost_is_asked(
    settings: Settings, two: Database
) -> None:
    """Although it was given back a moment ago."""
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


def test_age_of_a_connection_counts_from_its_first_use(two: Database) -> None:
    """Also where the engine has had it meanwhile: else a busy one would never be too old."""
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
