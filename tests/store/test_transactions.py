"""Transactions: atomicity, isolation of viewers and lost connections."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.administrators import administering, bare_answer
from todo_graphql.errors import Problem, Unavailable
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.errors import UnexpectedDatabaseError
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask

WHO = text("SELECT current_user, nullif(current_setting('app.user_id', true), '')")
PID = text("SELECT pg_backend_pid()")


@pytest.fixture
def single(settings: Settings) -> Iterator[Database]:
    """Database with one connection, so that leftovers of a statement reach the next one."""
    given = {"database_pool_size": 1, "database_max_overflow": 0}
    database = Database(settings.model_copy(update=given))
    yield database
    database.close()


@pytest.fixture
def viewer() -> Viewer:
    return Viewer(uuid.uuid4())


def create(connection: ViewerConnection, viewer: Viewer, title: str) -> Any:
    return Tasks(connection).create([NewTask(title)], ["input"])


def titles(database: Database, viewer: Viewer) -> list[str]:
    """Read the viewer's titles on a new connection."""
    with database.connect_as(viewer) as connection:
        rows = connection.read(text("SELECT title FROM tasks ORDER BY title"))
        assert tuple(connection.read(WHO)[0]) == ("todo_app", str(viewer.id))
    return [row[0] for row in rows]


def kill(settings: Settings, connection: ViewerConnection) -> None:
    """Terminate the connection on the server."""
    pid = connection.read(PID)[0][0]
    with administering(settings.required_database_url()) as admin:
        admin.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def test_transaction_is_visible_after_commit(
    single: Database, database: Database, viewer: Viewer
) -> None:
    with single.connect_as(viewer) as connection:
        with connection.transaction():
            create(connection, viewer, "a")
            with connection.transaction():
                create(connection, viewer, "b")
            assert titles(database, viewer) == []
        assert titles(database, viewer) == ["a", "b"]
    assert titles(single, viewer) == ["a", "b"]


@pytest.mark.parametrize(
    "failure", [Problem("x"), UnexpectedDatabaseError("x", None, None), KeyError()]
)
def test_transaction_rolls_back_after_exception(
    single: Database, viewer: Viewer, failure: Exception
) -> None:
    with single.connect_as(viewer) as connection:
        with pytest.raises(type(failure)), connection.transaction():
            create(connection, viewer, "a")
            raise failure
        create(connection, viewer, "b")
    assert titles(single, viewer) == ["b"]


def test_transaction_rolls_back_after_failed_statement(single: Database, viewer: Viewer) -> None:
    with single.connect_as(viewer) as connection:
        with pytest.raises(UnexpectedDatabaseError, match="22012"), connection.transaction():
            create(connection, viewer, "a")
            connection.read(text("SELECT 1 / 0"))
        assert tuple(connection.read(WHO)[0]) == ("todo_app", str(viewer.id))
    assert titles(single, viewer) == []


def test_empty_transaction_sends_nothing(single: Database, viewer: Viewer) -> None:
    with single.connect_as(viewer) as connection, connection.transaction():
        pass
    assert titles(single, viewer) == []


def test_transaction_settings_end_with_transaction(single: Database, viewer: Viewer) -> None:
    with single.connect_as(viewer) as connection, connection.transaction():
        assert tuple(connection.read(WHO)[0]) == ("todo_app", str(viewer.id))
    role, user_id = bare_answer(single, WHO.text)
    assert role != "todo_app"
    assert user_id is None


def test_transaction_does_not_continue_on_another_connection(
    settings: Settings, single: Database, viewer: Viewer
) -> None:
    with single.connect_as(viewer) as connection:
        with pytest.raises(Unavailable), connection.transaction():
            create(connection, viewer, "a")
            kill(settings, connection)
            with pytest.raises(Unavailable):
                create(connection, viewer, "b")
            connection.read(WHO)
        assert titles(single, viewer) == []
        create(connection, viewer, "c")
    assert titles(single, viewer) == ["c"]


def test_lost_commit_raises_unavailable(
    settings: Settings, single: Database, viewer: Viewer
) -> None:
    with single.connect_as(viewer) as connection:
        with pytest.raises(Unavailable), connection.transaction():
            create(connection, viewer, "a")
            kill(settings, connection)
        assert titles(single, viewer) == []


def test_writers_of_one_user_are_serialized(
    settings: Settings, single: Database, viewer: Viewer
) -> None:
    """The first write of a user creates and locks the row."""
    given = {"database_pool_size": 1, "database_statement_timeout": 0.3}
    impatient = Database(settings.model_copy(update=given))
    with single.connect_as(viewer) as connection, impatient.connect_as(viewer) as other:
        with connection.transaction():
            connection.write(text("SELECT 1"))
            with pytest.raises(Unavailable):
                create(other, viewer, "too early")
        create(other, viewer, "b")
    impatient.close()
    assert titles(single, viewer) == ["b"]
