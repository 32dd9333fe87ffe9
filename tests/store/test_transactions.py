"""Several statements as one: all of them, or none, and never as somebody else."""

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
    """A database with one connection, so that each statement meets what the last one left."""
    given = {"database_pool_size": 1, "database_max_overflow": 0}
    database = Database(settings.model_copy(update=given))
    yield database
    database.close()


@pytest.fixture
def viewer() -> Viewer:
    """Somebody."""
    return Viewer(uuid.uuid4())


def create(connection: ViewerConnection, viewer: Viewer, title: str) -> Any:
    return Tasks(connection).create([NewTask(title)], ["input"])


def titles(database: Database, viewer: Viewer) -> list[str]:
    """What the viewer has, as a new connection sees it."""
    with database.connect_as(viewer) as connection:
        rows = connection.read(text("SELECT title FROM tasks ORDER BY title"))
        assert tuple(connection.read(WHO)[0]) == ("todo_app", str(viewer.id))
    return [row[0] for row in rows]


def kill(settings: Settings, connection: ViewerConnection) -> None:
    """End the connection on the server's side."""
    pid = connection.read(PID)[0][0]
    with administering(settings.required_database_url()) as admin:
        admin.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def test_it_is_all_there_when_it_has_ended(
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
def test_nothing_is_there_when_it_has_failed(
    single: Database, viewer: Viewer, failure: Exception
) -> None:
    with single.connect_as(viewer) as connection:
        with pytest.raises(type(failure)), connection.transaction():
            create(connection, viewer, "a")
            raise failure
        create(connection, viewer, "b")
    assert titles(single, viewer) == ["b"]


def test_nothing_is_there_when_a_statement_has_failed(single: Database, viewer: Viewer) -> None:
    with single.connect_as(viewer) as connection:
        with pytest.raises(UnexpectedDatabaseError, match="22012"), connection.transaction():
            create(connection, viewer, "a")
            connection.read(text("SELECT 1 / 0"))
        assert tuple(connection.read(WHO)[0]) == ("todo_app", str(viewer.id))
    assert titles(single, viewer) == []


def test_one_without_statements_is_nothing(single: Database, viewer: Viewer) -> None:
    with single.connect_as(viewer) as connection, connection.transaction():
        pass
    assert titles(single, viewer) == []


def test_nothing_of_it_stays_on_the_connection(single: Database, viewer: Viewer) -> None:
    with single.connect_as(viewer) as connection, connection.transaction():
        assert tuple(connection.read(WHO)[0]) == ("todo_app", str(viewer.id))
    role, user_id = bare_answer(single, WHO.text)
    assert role != "todo_app"
    assert user_id is None


def test_what_follows_a_lost_connection_does_not_run_on_another(
    settings: Settings, single: Database, viewer: Viewer
) -> None:
    """There it would be no part of the transaction, and nobody's."""
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


def test_a_commit_that_is_lost_is_said(
    settings: Settings, single: Database, viewer: Viewer
) -> None:
    with single.connect_as(viewer) as connection:
        with pytest.raises(Unavailable), connection.transaction():
            create(connection, viewer, "a")
            kill(settings, connection)
        assert titles(single, viewer) == []


def test_writers_of_one_user_wait_for_each_other(
    settings: Settings, single: Database, viewer: Viewer
) -> None:
    """Also for a first write, before which there is no row to lock."""
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
