"""Prepared statements of the sessions of PostgreSQL: viewers, settings, poolers."""

import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import literal, select

from tests.support.administrators import bare_answer
from tests.support.pooler import pooled
from tests.support.statements import PREPARED, compiled, single_connection, titles_of
from tests.support.tap import Wire, tapped
from todo_graphql.errors import BadUserInput
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import TASKS, Viewer
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.pool import driver_connection
from todo_graphql.store.postgres.statement_cache import compile_statement
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask

pytestmark = pytest.mark.plain_postgresql


@pytest.fixture
def wire(settings: Settings) -> Iterator[tuple[Wire, Database]]:
    with (
        tapped(settings.required_database_url()) as (through, wire),
        single_connection(through) as database,
    ):
        yield wire, database


def test_repeated_write_is_prepared_for_the_role_of_viewers(wire: tuple[Wire, Database]) -> None:
    """The preamble of PREPARE has the privileges and the timeout, and names no viewer."""
    tap, database = wire
    viewer = Viewer(uuid.uuid4())
    with database.connect_as(viewer) as connection:
        connection.read(select(literal("the connection is open")))
        with tap.listening() as messages:
            for title in "abc":
                Tasks(connection).create([NewTask(title)], ["input"])
    own = [database.preamble(each) for each in (viewer, Viewer(uuid.UUID(int=0)))]
    plain, lock, statement, second, third = (message.sql for message in messages)
    assert plain.startswith(f"{own[0]}INSERT INTO users ")
    assert lock.startswith(f"{own[1]}PREPARE todo_")
    assert statement.startswith(f"{own[1]}PREPARE todo_")
    assert second.startswith(f"{own[0]}EXECUTE todo_")
    assert third.startswith(f"{own[0]}EXECUTE todo_")
    assert third.count("EXECUTE todo_") == 2
    assert "'c'" in third


def test_viewers_share_prepared_statements_but_no_rows(single: Database) -> None:
    viewers = [Viewer(uuid.uuid4()) for _ in range(4)]
    for viewer in viewers:
        with single.connect_as(viewer) as connection:
            Tasks(connection).create([NewTask(str(viewer.id))], ["input"])
    for viewer in viewers:
        with single.connect_as(viewer) as connection:
            assert titles_of(connection) == {str(viewer.id)}
    count, _ = bare_answer(single, PREPARED)
    assert count >= 3


def test_row_level_security_binds_a_prepared_statement(single: Database) -> None:
    """The statement names no owner, and each execution has the viewer of its message."""
    everything = compile_statement(select(TASKS.c.title), can_be_prepared=True)
    viewers = [Viewer(uuid.uuid4()) for _ in range(4)]
    for viewer in viewers:
        with single.connect_as(viewer) as connection:
            Tasks(connection).create([NewTask(str(viewer.id))], ["input"])
            assert connection.read(everything) == [(str(viewer.id),)]
    assert bare_answer(single, f"{PREPARED} WHERE name = '{everything.name}'")[0] == 1


def test_transaction_executes_prepared_statements(single: Database) -> None:
    with single.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        for number in range(4):
            with connection.transaction():
                tasks.create([NewTask(f"a{number}")], ["input"])
                tasks.create([NewTask(f"b{number}")], ["input"])
        with pytest.raises(ZeroDivisionError), connection.transaction():
            tasks.create([NewTask("rolled back")], ["input"])
            raise ZeroDivisionError
        assert len(titles_of(connection)) == 8
    assert bare_answer(single, PREPARED)[0] >= 2


def test_rejected_values_leave_the_prepared_statement_usable(single: Database) -> None:
    with single.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        for title in ("a", "b", "x" * 501, "c"):
            if len(title) > 500:
                with pytest.raises(BadUserInput):
                    tasks.create([NewTask(title)], ["input"])
            else:
                tasks.create([NewTask(title)], ["input"])
        assert titles_of(connection) == set("abc")
    assert bare_answer(single, PREPARED)[0] >= 2


def plan_mode(database: Database) -> str:
    (mode,) = bare_answer(database, "SHOW plan_cache_mode")
    return str(mode)


def test_direct_session_keeps_plans(single: Database) -> None:
    assert plan_mode(single) == "force_generic_plan"


def test_prepared_statements_can_be_off(settings: Settings) -> None:
    url = settings.required_database_url()
    with single_connection(url, database_prepared_statements="off") as database:
        with database.connect_as(Viewer(uuid.uuid4())) as connection:
            for _ in range(9):
                connection.read(compiled(1))
        assert bare_answer(database, PREPARED) == (0, 0)
        assert plan_mode(database) == "auto"


def test_session_of_a_pooler_is_not_used(settings: Settings) -> None:
    with (
        pooled(settings.required_database_url()) as through,
        single_connection(through) as database,
    ):
        with database.connect_as(Viewer(uuid.uuid4())) as connection:
            for title in "abcd":
                Tasks(connection).create([NewTask(title)], ["input"])
            assert titles_of(connection) == set("abcd")
        assert bare_answer(database, PREPARED) == (0, 0)
        assert plan_mode(database) == "auto"


def test_proxy_that_keeps_sessions_apart_can_be_trusted(settings: Settings) -> None:
    url = settings.required_database_url()
    with (
        pooled(url, by_transaction=False) as through,
        single_connection(through, database_prepared_statements="on") as database,
    ):
        with database.connect_as(Viewer(uuid.uuid4())) as connection:
            for title in "abcd":
                Tasks(connection).create([NewTask(title)], ["input"])
        assert bare_answer(database, PREPARED)[0] >= 2


def test_session_of_citus_prepares_nothing(settings: Settings) -> None:
    """The coordinator forwards the settings of a block, and plans each statement for its worker."""
    with single_connection(settings.required_database_url()) as database:
        sessions = database.pool.sessions
        connection = driver_connection(database.pool.checkout())
        sessions._preamble.has_citus = True
        connection.prepared = None
        sessions.on_connect(connection)
        assert connection.prepared is None
        sessions._preamble.has_citus = False
        sessions.on_connect(connection)
        assert connection.prepared is not None


def test_prepared_statement_names_no_viewer(single: Database) -> None:
    viewer = Viewer(uuid.uuid4())
    with single.connect_as(viewer) as connection:
        for title in "abc":
            Tasks(connection).create([NewTask(title)], ["input"])
    with closing(driver_connection(single.pool.checkout()).cursor()) as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        texts = [row[0] for row in cursor.fetchall()]
    assert len(texts) >= 2
    assert not any(str(viewer.id) in text for text in texts)
