"""Prepared statements: when a connection prepares one, their bounds, and shared sessions."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import bindparam, literal, select, text

from tests.support.administrators import administer, administering, bare_answer
from tests.support.pooler import pooled
from tests.support.servers import migrated_database, settings_for
from tests.support.tap import Wire, tapped
from todo_graphql.errors import BadUserInput, Problem, Unavailable
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import TASKS, Viewer
from todo_graphql.store.postgres import prepared_statements
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.prepared_statements import (
    MAX_COUNTED,
    MAX_STATEMENT,
    MAX_TEXT,
    PreparedStatements,
)
from todo_graphql.store.postgres.statement_cache import CompiledStatement, compile_statement
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.selections import TaskSelection

OWN = "SELECT count(*), coalesce(sum(length(statement)), 0) FROM pg_prepared_statements"


@contextmanager
def single(url: SecretStr, **given: object) -> Iterator[Database]:
    """Yield a database with one connection."""
    one = {"database_pool_size": 1, "database_max_overflow": 0}
    database = Database(settings_for(url, **one, **given))
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def own(settings: Settings) -> Iterator[Database]:
    """Database with one connection of its own."""
    with single(settings.required_database_url()) as database:
        yield database


def compiled(number: int, padding: str = "") -> CompiledStatement:
    """Return a statement that differs by its number."""
    return compile_statement(select(literal(f"{number}{padding}"), bindparam("viewer")))


def titles(connection: ViewerConnection) -> set[str]:
    return {task.title for page in Tasks(connection).iter_all() for task in page}


def test_statement_is_due_after_some_executions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared_statements, "PREPARE_AFTER", 3)
    prepared, statement = PreparedStatements(), compiled(1)
    assert [prepared.is_due(statement) for _ in range(4)] == [False] * 3 + [True]
    assert prepared.text(statement) == statement.sql
    assert prepared.prepare(statement) == statement.preparation
    assert not prepared.is_due(statement)
    assert prepared.text(statement) == f"EXECUTE {statement.name}(%(viewer)s)"


def test_executions_of_rare_statements_are_forgotten() -> None:
    prepared = PreparedStatements()
    for number in range(MAX_COUNTED + 1):
        assert not prepared.is_due(compiled(number))
    assert prepared.is_due(compiled(1))
    assert not prepared.is_due(compiled(0))


def test_long_statement_is_never_due() -> None:
    prepared = PreparedStatements()
    assert not any(prepared.is_due(compiled(1, "x" * MAX_STATEMENT)) for _ in range(9))


def test_statement_without_parameters_is_executed_by_its_name() -> None:
    prepared, statement = PreparedStatements(), compile_statement(select(literal("50 %")))
    assert prepared.prepare(statement).endswith(" AS SELECT '50 %' AS anon_1")
    assert prepared.text(statement) == f"EXECUTE {statement.name}"


def test_least_recently_used_statement_is_deallocated() -> None:
    prepared = PreparedStatements()
    first, second, *others = [compiled(number, "x" * (MAX_STATEMENT - 200)) for number in range(11)]
    for statement in (first, second, *others[:-1]):
        assert "DEALLOCATE" not in prepared.prepare(statement)
    prepared.text(first)
    assert prepared.prepare(others[-1]).startswith(f"DEALLOCATE {second.name}; PREPARE ")
    assert prepared.text(second) == second.sql
    assert prepared.text(first) != first.sql


def test_prepared_texts_of_a_session_are_bounded(own: Database) -> None:
    with own.connect_as(Viewer(uuid.uuid4())) as connection:
        for number in range(25):
            for _ in range(3):
                (row,) = connection.read(compiled(number, "x" * (MAX_STATEMENT - 300)))
                assert row[0].startswith(f"{number}x")
    count, length = bare_answer(own, OWN)
    assert count > 5
    assert length <= 1.05 * MAX_TEXT, "Each of them includes the preamble."


@pytest.fixture
def wire(settings: Settings) -> Iterator[tuple[Wire, Database]]:
    with tapped(settings.required_database_url()) as (through, wire), single(through) as database:
        yield wire, database


def test_repeated_write_is_prepared_for_the_role_of_viewers(wire: tuple[Wire, Database]) -> None:
    """A plan contains the policies of its role, so both messages begin with the preamble."""
    tap, database = wire
    viewer = Viewer(uuid.uuid4())
    with database.connect_as(viewer) as connection:
        connection.read(select(literal("the connection is open")))
        with tap.listening() as messages:
            for title in "abc":
                Tasks(connection).create([NewTask(title)], ["input"])
    preamble = database.preamble(viewer)
    sent = [message.sql.removeprefix(preamble) for message in messages]
    assert all(len(short) < len(message.sql) for short, message in zip(sent, messages, strict=True))
    assert [short.split()[0] for short in sent[:5]] == [
        "INSERT",  # the lock, and the statement
        "PREPARE",  # the statement
        "PREPARE",  # the lock
        "EXECUTE",
        "EXECUTE",
    ]
    assert sent[4].count("EXECUTE todo_") == 2
    assert "'c'" in sent[4]


def test_viewers_share_prepared_statements_but_no_rows(own: Database) -> None:
    viewers = [Viewer(uuid.uuid4()) for _ in range(4)]
    for viewer in viewers:
        with own.connect_as(viewer) as connection:
            Tasks(connection).create([NewTask(str(viewer.id))], ["input"])
    for viewer in viewers:
        with own.connect_as(viewer) as connection:
            assert titles(connection) == {str(viewer.id)}
    count, _ = bare_answer(own, OWN)
    assert count >= 3


def test_row_level_security_binds_a_prepared_statement(own: Database) -> None:
    """The statement names no owner, and each execution has the viewer of its message."""
    everything = compile_statement(select(TASKS.c.title))
    viewers = [Viewer(uuid.uuid4()) for _ in range(4)]
    for viewer in viewers:
        with own.connect_as(viewer) as connection:
            Tasks(connection).create([NewTask(str(viewer.id))], ["input"])
            assert connection.read(everything) == [(str(viewer.id),)]
    assert bare_answer(own, f"{OWN} WHERE name = '{everything.name}'")[0] == 1


def test_transaction_executes_prepared_statements(own: Database) -> None:
    with own.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        for number in range(4):
            with connection.transaction():
                tasks.create([NewTask(f"a{number}")], ["input"])
                tasks.create([NewTask(f"b{number}")], ["input"])
        with pytest.raises(ZeroDivisionError), connection.transaction():
            tasks.create([NewTask("rolled back")], ["input"])
            raise ZeroDivisionError
        assert len(titles(connection)) == 8


def test_rejected_values_leave_the_prepared_statement_usable(own: Database) -> None:
    with own.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        for title in ("a", "b", "x" * 501, "c"):
            if len(title) > 500:
                with pytest.raises(BadUserInput):
                    tasks.create([NewTask(title)], ["input"])
            else:
                tasks.create([NewTask(title)], ["input"])
        assert titles(connection) == set("abc")


def plan_mode(database: Database) -> str:
    (mode,) = bare_answer(database, "SHOW plan_cache_mode")
    return str(mode)


def test_direct_session_keeps_plans(own: Database) -> None:
    assert plan_mode(own) == "force_generic_plan"


def test_prepared_statements_can_be_off(settings: Settings) -> None:
    url = settings.required_database_url()
    with single(url, database_prepared_statements="off") as database:
        with database.connect_as(Viewer(uuid.uuid4())) as connection:
            for _ in range(9):
                connection.read(compiled(1))
        assert bare_answer(database, OWN) == (0, 0)
        assert plan_mode(database) == "auto"


@pytest.mark.plain_postgresql
def test_session_of_a_pooler_is_not_used(settings: Settings) -> None:
    with pooled(settings.required_database_url()) as through, single(through) as database:
        with database.connect_as(Viewer(uuid.uuid4())) as connection:
            for title in "abcd":
                Tasks(connection).create([NewTask(title)], ["input"])
            assert titles(connection) == set("abcd")
        assert bare_answer(database, OWN) == (0, 0)
        assert plan_mode(database) == "auto"


@pytest.mark.plain_postgresql
def test_proxy_that_keeps_sessions_apart_can_be_trusted(settings: Settings) -> None:
    url = settings.required_database_url()
    with (
        pooled(url, by_transaction=False) as through,
        single(through, database_prepared_statements="on") as database,
    ):
        with database.connect_as(Viewer(uuid.uuid4())) as connection:
            for title in "abcd":
                Tasks(connection).create([NewTask(title)], ["input"])
        assert bare_answer(database, OWN)[0] >= 2


@pytest.fixture
def shared(settings: Settings) -> Iterator[Database]:
    """Database whose setting denies that the connections share two sessions."""
    given = {"database_pool_size": 2, "database_prepared_statements": "on"}
    with pooled(settings.required_database_url(), sessions=2) as through:
        database = Database(settings_for(through, **given))
        yield database
        database.close()


@contextmanager
def other_session(database: Database) -> Iterator[None]:
    """Let the pooler use its other session for the connections of this block."""
    with database.connect_as(Viewer(uuid.uuid4())) as holder, holder.transaction():
        holder.read(select(literal(1)))
        yield


@pytest.mark.plain_postgresql
def test_absent_prepared_statement_is_sent_in_full(
    shared: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with shared.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        for title in "abc":
            tasks.create([NewTask(title)], ["input"])
        with other_session(shared):
            created = tasks.create([NewTask("d")], ["input"])
        assert (created.revision, titles(connection)) == (4, set("abcd"))
    with shared.connect_as(Viewer(uuid.uuid4())) as connection:
        for title in "abc":
            Tasks(connection).create([NewTask(title)], ["input"])
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert ["prepared statements are off" in r.message for r in warnings] == [True]


@pytest.mark.plain_postgresql
def test_statement_that_another_connection_prepared_is_sent_in_full(shared: Database) -> None:
    viewer = Viewer(uuid.uuid4())
    with shared.connect_as(viewer) as one, shared.connect_as(viewer) as other:
        for connection, names in ((one, "abc"), (other, "def")):
            for title in names:
                Tasks(connection).create([NewTask(title)], ["input"])
        assert titles(one) == set("abcdef")


@pytest.mark.plain_postgresql
def test_absent_prepared_statement_ends_a_transaction(shared: Database) -> None:
    """A part of the transaction may depend on what has been read."""
    with shared.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        for title in "abc":
            tasks.create([NewTask(title)], ["input"])
        with (
            other_session(shared),
            pytest.raises(Unavailable, match="Try again"),
            connection.transaction(),
        ):
            tasks.create([NewTask("d")], ["input"])
        assert titles(connection) == set("abc")
        with connection.transaction():
            tasks.create([NewTask("d")], ["input"])
        assert titles(connection) == set("abcd")


@pytest.fixture
def scratch(postgresql: SecretStr) -> Iterator[tuple[SecretStr, Database]]:
    """A database that a test may alter."""
    given = {"database_statement_timeout": 0.3}
    with migrated_database(postgresql) as url, single(url, **given) as database:
        yield url, database


@pytest.mark.plain_postgresql
def test_changed_type_of_a_column_is_not_noticed(scratch: tuple[SecretStr, Database]) -> None:
    url, database = scratch
    with database.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        for title in "abc":
            created = tasks.create([NewTask(title)], ["input"])
            assert len(titles(connection)) == created.revision
        administer(url, "ALTER TABLE tasks ALTER title TYPE varchar(500)")
        assert tasks.create([NewTask("d")], ["input"]).revision == 4
        assert titles(connection) == set("abcd")


@pytest.mark.plain_postgresql
def test_failed_preparation_is_repeated(scratch: tuple[SecretStr, Database]) -> None:
    """PREPARE waits for the lock of the table until the statement timeout."""
    url, database = scratch
    with database.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        tasks.create([NewTask("a")], ["input"])
        with administering(url) as admin:
            admin.execute(text("BEGIN"))
            admin.execute(text("LOCK TABLE tasks"))
            with pytest.raises(Problem):
                tasks.create([NewTask("b")], ["input"])
            admin.execute(text("ROLLBACK"))
        for title in "cde":
            tasks.create([NewTask(title)], ["input"])
        assert titles(connection) == set("acde")


def test_connection_that_is_lost_before_a_write_leaves_no_doubt(
    own: Database, settings: Settings
) -> None:
    """The write is not sent if its preparation fails, so its outcome is known."""
    pid = text("SELECT pg_backend_pid()")
    with own.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        created = tasks.create([NewTask("a")], ["input"]).rows[0]
        with administering(settings.required_database_url()) as admin:
            backend: Any = connection.read(pid)[0][0]
            admin.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend})
        with pytest.raises(Unavailable) as lost:
            tasks.create([NewTask("b")], ["input"])
        assert "unknown" not in lost.value.message
        assert tasks.delete(TaskSelection.one(uuid.UUID(created.id))).changed == 1
