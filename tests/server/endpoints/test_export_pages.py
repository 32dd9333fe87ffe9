"""Pages of an export: reads on demand, concurrent changes, and failures."""

import csv
import io
import json
import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.api_client import Person
from tests.support.data_files import ask_for_export, error_of, export, exported
from todo_graphql.api.context import Context
from todo_graphql.errors import Unavailable
from todo_graphql.server.data_files.formats import FORMATS
from todo_graphql.server.endpoints.export_tasks import next_piece
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.tasks.edits import Edits
from todo_graphql.store.tasks.reordering import Destination
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask, TaskRow
from todo_graphql.store.tasks.selections import TaskSelection
from todo_graphql.store.tasks.transfer import export_pages, exports
from todo_graphql.store.tasks.transfer.export_pages import read_export_page


@pytest.fixture
def tasks(database: Database, alice: Person) -> Iterator[Tasks]:
    """The repository of Alice's tasks, without HTTP."""
    with database.connect_as(alice.viewer) as connection:
        yield Tasks(connection)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_pages, "EXPORT_PAGE_SIZE", 2)


def plant(tasks: Tasks, *titles: str) -> list[TaskRow]:
    return list(tasks.create([NewTask(title) for title in titles], [""] * len(titles)).rows)


def titles_of(page: list[TaskRow]) -> list[str]:
    return [row.title for row in page]


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("kind", ["json", "csv"])
@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5])
def test_export_pages_form_one_file(tasks: Tasks, alice: Person, kind: str, number: int) -> None:
    titles = [f"task {place}" for place in range(number)]
    if titles:
        plant(tasks, *titles)
    content = export(alice, kind).decode("utf-8-sig")
    if kind == "json":
        assert [task["title"] for task in json.loads(content)["tasks"]] == titles
    else:
        rows = csv.DictReader(io.StringIO(content, newline=""))
        assert [row["title"] for row in rows] == titles


@pytest.mark.usefixtures("small_pages")
def test_export_page_is_read_on_demand(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most one page is in memory."""
    plant(tasks, *"abcdef")
    read = 0
    run = ViewerConnection.read

    def counted(connection: ViewerConnection, *given: Any) -> Any:
        nonlocal read
        read += 1
        return run(connection, *given)

    monkeypatch.setattr(ViewerConnection, "read", counted)
    pages = tasks.iter_all()
    assert titles_of(next(pages)) == ["a", "b"]
    assert read == 2  # the revision, and a page
    assert titles_of(next(pages)) == ["c", "d"]
    assert read == 3


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("kind", ["json", "csv"])
def test_connection_is_released_after_each_piece(
    database: Database, alice: Person, tasks: Tasks, kind: str
) -> None:
    plant(tasks, *"abcde")
    context = Context(alice.viewer, database.connect_as(alice.viewer), "-")
    pieces = FORMATS[kind].write(context.tasks().iter_all())
    number = 0
    while next_piece(context, pieces) is not None:
        assert context.connection._connection is None
        number += 1
    assert number >= 3


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    "fail", [Unavailable("The database is unavailable."), RuntimeError("Something else.")]
)
def test_failure_during_export_closes_the_connection(
    alice: Person,
    tasks: Tasks,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fail: Exception,
) -> None:
    plant(tasks, *"abcde")
    pages = 0

    def failing(*given: Any) -> Any:
        nonlocal pages
        pages += 1
        if pages == 3:
            raise fail
        return read_export_page(*given)

    monkeypatch.setattr(exports, "read_export_page", failing)
    with caplog.at_level(logging.CRITICAL), pytest.raises(httpx.RemoteProtocolError):
        ask_for_export(alice)
    assert len(exported(alice)) == 5


def test_failure_before_first_page_is_an_error_response(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_given: Any) -> Any:
        raise Unavailable("The database is unavailable.")

    monkeypatch.setattr(exports, "read_export_page", failing)
    response = ask_for_export(alice)
    assert error_of(response)["code"] == "UNAVAILABLE"
    assert "content-disposition" not in response.headers


Change = Callable[[Tasks, list[TaskRow]], object]


def ids(rows: list[TaskRow]) -> list[uuid.UUID]:
    return [uuid.UUID(row.id) for row in rows]


CHANGES: dict[str, tuple[Change, list[str]]] = {
    "moved ahead": (
        lambda tasks, rows: tasks.move(ids(rows)[0], Destination()),
        ["a", "b", "c", "d", "e"],
    ),
    "moved back": (
        lambda tasks, rows: tasks.move(ids(rows)[4], Destination(before=ids(rows)[0])),
        ["a", "b", "c", "d", "e"],
    ),
    "edited": (
        lambda tasks, rows: tasks.update(TaskSelection.one(ids(rows)[3]), Edits({"title": "x"})),
        ["a", "b", "c", "x", "e"],
    ),
    "created": (
        lambda tasks, _rows: plant(tasks, "f"),
        ["a", "b", "c", "d", "e", "f"],
    ),
    "purged": (
        lambda tasks, rows: tasks.purge(TaskSelection.one(ids(rows)[3])),
        ["a", "b", "c", "e"],
    ),
}


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("name", CHANGES)
def test_task_changed_during_export_is_exported_once(
    database: Database, alice: Person, tasks: Tasks, name: str
) -> None:
    change, expected = CHANGES[name]
    rows = plant(tasks, *"abcde")
    with database.connect_as(alice.viewer) as connection:
        pages = Tasks(connection).iter_all()
        titles = titles_of(next(pages))
        change(tasks, rows)
        for page in pages:
            titles += titles_of(page)
    assert sorted(titles) == sorted(expected)


@pytest.mark.usefixtures("small_pages")
def test_export_with_constant_changes_fails(tasks: Tasks) -> None:
    plant(tasks, "a", "b", "c")

    def read() -> None:
        for _ in tasks.iter_all():
            plant(tasks, "d")

    with pytest.raises(Unavailable, match="change too often"):
        read()


def test_export_of_unknown_user_is_empty(database: Database) -> None:
    unknown = Viewer(uuid.uuid4())
    with database.connect_as(unknown) as connection:
        assert [*Tasks(connection).iter_all()] == [[]]
