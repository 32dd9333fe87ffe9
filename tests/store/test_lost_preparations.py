"""Prepared statements that are absent, outdated or fail."""

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, literal, select, text

from tests.support.administrators import administer, administering, bare_answer
from tests.support.pooler import pooled
from tests.support.servers import migrated_database, settings_for
from tests.support.statements import PREPARED, single_connection, titles_of
from todo_graphql.errors import Unavailable
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import TASKS, Viewer
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.errors import UnexpectedDatabaseError
from todo_graphql.store.postgres.statement_cache import compile_statement
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.selections import TaskSelection

pytestmark = pytest.mark.plain_postgresql

PID = text("SELECT pg_backend_pid()")


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


def test_absent_prepared_statement_is_sent_in_full(
    shared: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with shared.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        for title in "abc":
            tasks.create([NewTask(title)], ["input"])
        with other_session(shared):
            created = tasks.create([NewTask("d")], ["input"])
        assert (created.revision, titles_of(connection)) == (4, set("abcd"))
    with shared.connect_as(Viewer(uuid.uuid4())) as connection:
        for title in "abc":
            Tasks(connection).create([NewTask(title)], ["input"])
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert ["prepared statements are off" in r.message for r in warnings] == [True]


def test_statement_that_another_connection_prepared_is_sent_in_full(shared: Database) -> None:
    viewer = Viewer(uuid.uuid4())
    with shared.connect_as(viewer) as one, shared.connect_as(viewer) as other:
        for connection, names in ((one, "abc"), (other, "def")):
            for title in names:
                Tasks(connection).create([NewTask(title)], ["input"])
        assert titles_of(one) == set("abcdef")


def test_absent_prepared_statement_begins_the_transaction_anew(shared: Database) -> None:
    with shared.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        for title in "abc":
            tasks.create([NewTask(title)], ["input"])
        with other_session(shared), connection.transaction():
            tasks.create([NewTask("d")], ["input"])
            tasks.create([NewTask("e")], ["input"])
        assert titles_of(connection) == set("abcde")


@pytest.fixture
def scratch(postgresql: SecretStr) -> Iterator[tuple[SecretStr, Database]]:
    """A database that a test may alter."""
    given = {"database_statement_timeout": 0.3}
    with migrated_database(postgresql) as url, single_connection(url, **given) as database:
        yield url, database


def test_statement_with_changed_types_is_sent_in_full(postgresql: SecretStr) -> None:
    """All connections have prepared the statements before the migration."""
    with migrated_database(postgresql) as url:
        database = Database(settings_for(url, database_pool_size=3))
        viewer = Viewer(uuid.uuid4())
        with ExitStack() as stack:
            for _ in range(3):
                tasks = Tasks(stack.enter_context(database.connect_as(viewer)))
                for title in "abc":
                    tasks.create([NewTask(title)], ["input"])
        administer(url, "ALTER TABLE tasks ALTER title TYPE varchar(500)")
        for _ in range(9):
            with database.connect_as(viewer) as connection:
                created = Tasks(connection).create([NewTask("d")], ["input"])
                assert titles_of(connection) == set("abcd")
        assert created.revision == 18
        with database.connect_as(viewer) as connection, connection.transaction():
            Tasks(connection).create([NewTask("e")], ["input"])
        assert database.pool.sessions.may_prepare
        database.close()


@pytest.mark.parametrize("in_transaction", [False, True])
def test_error_of_another_statement_is_reported_as_it_is(
    single: Database, in_transaction: bool
) -> None:
    """Its class is that of an outdated statement, but nothing prepared was executed."""
    wrong = text("SELECT no_such_function(1)")
    with single.connect_as(Viewer(uuid.uuid4())) as connection:
        before = connection.read(PID)
        for _ in range(3):
            transaction = connection.transaction() if in_transaction else nullcontext()
            with pytest.raises(UnexpectedDatabaseError, match="UndefinedFunction"), transaction:
                connection.read(wrong)
        assert in_transaction or connection.read(PID) == before


def test_statement_that_is_outdated_within_a_transaction_ends_it(
    scratch: tuple[SecretStr, Database],
) -> None:
    """A part of the transaction may depend on what it has read."""
    url, database = scratch
    with database.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        for title in "abc":
            tasks.create([NewTask(title)], ["input"])
        with pytest.raises(Unavailable, match="Try again"), connection.transaction():
            connection.read(PID)
            administer(url, "ALTER TABLE tasks ALTER title TYPE varchar(500)")
            tasks.create([NewTask("d")], ["input"])
        with connection.transaction():
            tasks.create([NewTask("e")], ["input"])
        assert titles_of(connection) == set("abce")


def test_unsupported_statement_is_reported_as_it_is(single: Database) -> None:
    """The error is not about the preparation."""
    locked = compile_statement(
        select(func.count()).select_from(TASKS).with_for_update(), can_be_prepared=True
    )
    with single.connect_as(Viewer(uuid.uuid4())) as connection:
        for _ in range(3):
            with pytest.raises(UnexpectedDatabaseError, match="FeatureNotSupported"):
                connection.read(locked)


def test_failed_preparation_is_repeated(scratch: tuple[SecretStr, Database]) -> None:
    """PREPARE waits for the lock of the table until the statement timeout."""
    url, database = scratch
    with database.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        tasks.create([NewTask("a")], ["input"])
        with administering(url) as admin:
            admin.execute(text("BEGIN"))
            admin.execute(text("LOCK TABLE tasks"))
            with pytest.raises(Unavailable):
                tasks.create([NewTask("b")], ["input"])
            with pytest.raises(Unavailable), connection.transaction():
                tasks.create([NewTask("b")], ["input"])
            admin.execute(text("ROLLBACK"))
        for title in "cde":
            tasks.create([NewTask(title)], ["input"])
        assert titles_of(connection) == set("acde")
    assert database.pool.sessions.may_prepare
    assert bare_answer(database, PREPARED)[0] >= 2


def test_preparation_can_be_aborted(scratch: tuple[SecretStr, Database]) -> None:
    url, database = scratch
    viewer = Viewer(uuid.uuid4())
    with database.connect_as(viewer) as connection:
        Tasks(connection).create([NewTask("a")], ["input"])
    with administering(url) as admin, database.connect_as(viewer) as connection:
        admin.execute(text("BEGIN"))
        admin.execute(text("LOCK TABLE tasks"))
        timer = threading.Timer(0.1, connection.abort)
        timer.start()
        with pytest.raises(Unavailable):
            Tasks(connection).create([NewTask("b")], ["input"])
        timer.join()
        admin.execute(text("ROLLBACK"))
    with database.connect_as(viewer) as connection:
        assert titles_of(connection) == {"a"}


def test_write_on_a_connection_lost_at_its_preparation_is_known_to_be_unsent(
    single: Database, settings: Settings
) -> None:
    """The write is not sent if its preparation fails, so its outcome is known."""
    with single.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        created = tasks.create([NewTask("a")], ["input"]).rows[0]
        with administering(settings.required_database_url()) as admin:
            backend: Any = connection.read(PID)[0][0]
            admin.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend})
        with pytest.raises(Unavailable) as lost:
            tasks.create([NewTask("b")], ["input"])
        assert "unknown" not in lost.value.message
        assert tasks.delete(TaskSelection.one(uuid.UUID(created.id))).changed == 1
