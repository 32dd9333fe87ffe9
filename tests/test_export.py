"""GET /export: all of one's own tasks, and nothing else."""

import csv
import io
import json
import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.files import HEADER, error_of, export, exported
from tests.people import Person
from tests.servers import scratch_database, serving, settings_for
from todo_graphql.api.context import Context
from todo_graphql.config import Settings
from todo_graphql.errors import Unavailable
from todo_graphql.server.export import next_piece
from todo_graphql.server.files.formats import FORMATS
from todo_graphql.store import exports
from todo_graphql.store.changes import Selected
from todo_graphql.store.connection import Viewer, ViewerConnection
from todo_graphql.store.database import Database
from todo_graphql.store.edits import Edits
from todo_graphql.store.moves import Destination
from todo_graphql.store.pages import read_page
from todo_graphql.store.rows import NewTask, TaskRow
from todo_graphql.store.tasks import Tasks

MOVE = "mutation ($id: ID!) { moveTask(id: $id) { task { id } } }"


@pytest.fixture
def tasks(database: Database, alice: Person) -> Iterator[Tasks]:
    """Alice's, without HTTP."""
    with database.connect_as(alice.viewer) as connection:
        yield Tasks(connection)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two tasks."""
    monkeypatch.setattr(exports, "EXPORT_PAGE_SIZE", 2)


def get(base: str, headers: Any = (), **parameters: Any) -> httpx.Response:
    return httpx.get(f"{base}/export", params=parameters, headers=headers, timeout=30)


def bearer(who: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {who.token}"}


def plant(tasks: Tasks, *titles: str) -> list[TaskRow]:
    return list(tasks.create([NewTask(title) for title in titles], [""] * len(titles)).rows)


def titles_of(page: list[TaskRow]) -> list[str]:
    return [row.title for row in page]


def test_all_that_can_come_back_in_the_manual_order(alice: Person) -> None:
    first = alice.create(
        "Buy milk", description="Oat\nmilk", priority="HIGH", dueOn="2026-01-31", tags=["a", "b,c"]
    )
    second = alice.create("Call", dueAt="2026-01-31T09:30:00+01:00")
    third = alice.create("Trash")
    alice.change("completeTask", first["id"])
    alice.change("deleteTask", third["id"])
    alice.ask(MOVE, id=first["id"])
    now = [alice.find(task["id"]) for task in (second, third, first)]
    fields = HEADER.split(",")
    assert exported(alice) == [{name: task[name] for name in fields} for task in now]
    assert export(alice, "json").decode().count("\n") == 5


def test_json_has_a_line_for_each_task(alice: Person) -> None:
    assert export(alice) == b'{"version": 1, "tasks": [\n\n]}\n'
    one, two = alice.create("Käse 🧀"), alice.create("two")
    lines = export(alice).decode().split("\n")
    assert lines[0] == '{"version": 1, "tasks": ['
    assert lines[1].startswith(f'{{"id": "{one["id"]}", "title": "Käse 🧀", "description": null')
    assert lines[1].endswith("},")
    assert json.loads(lines[2])["id"] == two["id"]
    assert lines[3:] == ["]}", ""]


def test_csv_is_what_spreadsheets_read(alice: Person) -> None:
    assert export(alice, "csv") == b"\xef\xbb\xbf" + HEADER.encode() + b"\r\n"
    task = alice.create('a "b", c', description="1\n2", tags=["x", 'y"z', "u,v"], priority="LOW")
    content = export(alice, "csv").decode("utf-8-sig")
    assert content.startswith(f'{HEADER}\r\n{task["id"]},"a ""b"", c","1\n2",LOW,,,')
    (row,) = csv.DictReader(io.StringIO(content, newline=""))
    assert next(csv.reader([row["tags"]])) == ["x", 'y"z', "u,v"]
    assert row["createdAt"] == task["createdAt"]


def test_no_text_of_a_task_is_a_formula(alice: Person) -> None:
    alice.create("=A1", description="@x", tags=["+t", "=u"])
    (row,) = csv.DictReader(io.StringIO(export(alice, "csv").decode("utf-8-sig"), newline=""))
    assert (row["title"], row["description"], row["tags"]) == ("'=A1", "'@x", "'+t,=u")


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("json", "application/json; charset=utf-8"), ("csv", "text/csv; charset=utf-8")],
)
def test_the_answer_is_a_file_that_nobody_keeps(
    url: str, alice: Person, kind: str, media_type: str
) -> None:
    response = get(url, bearer(alice), format=kind)
    assert response.headers["content-type"] == media_type
    assert response.headers["content-disposition"] == f'attachment; filename="tasks.{kind}"'
    assert response.headers["cache-control"] == "no-store"


def test_json_unless_told_otherwise(url: str, alice: Person) -> None:
    assert get(url, bearer(alice)).content == export(alice, "json")


@pytest.mark.parametrize("given", ["xml", "", "JSON", ["json", "csv"], ["csv", "csv"]])
def test_another_format_is_refused(url: str, alice: Person, given: str | list[str]) -> None:
    error = error_of(get(url, bearer(alice), format=given))
    assert (error["code"], error["status"], error["field"]) == ("BAD_USER_INPUT", 400, "format")


def test_whoever_has_no_token_gets_nothing(url: str) -> None:
    response = get(url, format="nonsense")
    assert error_of(response)["code"] == "UNAUTHENTICATED"
    assert "error=" not in response.headers["www-authenticate"]


def test_whoever_has_no_good_token_gets_nothing(url: str, alice: Person) -> None:
    response = get(url, {"Authorization": "Bearer nonsense"})
    assert error_of(response)["code"] == "UNAUTHENTICATED"
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    twice = get(url, [("Authorization", f"Bearer {alice.token}")] * 2)
    assert twice.status_code == 401


def test_only_ones_own(alice: Person, mallory: Person) -> None:
    alice.create("Alice's")
    for kind in ("json", "csv"):
        assert b"Alice" not in export(mallory, kind)
    mallory.create("Mallory's")
    assert [task["title"] for task in exported(mallory)] == ["Mallory's"]
    assert [task["title"] for task in exported(alice)] == ["Alice's"]


def test_pages_of_a_configured_origin_may_export(settings: Settings) -> None:
    app = "https://app.example.com"
    own = settings.model_copy(update={"cors_origins": (app,)})
    with serving(own) as base:
        asked = httpx.options(
            f"{base}/export",
            headers={
                "Origin": app,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "authorization",
            },
        )
        answer = get(base, {**bearer(Person(base, own)), "Origin": app})
    assert asked.status_code == 200
    assert answer.headers["access-control-allow-origin"] == app
    assert "content-disposition" in answer.headers["access-control-expose-headers"]


def test_nothing_is_read_before_the_proof(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url:
        settings = settings_for(url)
        with serving(settings) as base:
            response = get(base, bearer(Person(base, settings)))
    assert error_of(response)["code"] == "UNAVAILABLE"
    assert response.headers["retry-after"] == "5"


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("kind", ["json", "csv"])
@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5])
def test_pages_make_one_file(tasks: Tasks, alice: Person, kind: str, number: int) -> None:
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
def test_a_page_is_read_when_it_is_asked_for(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    """So no more than one is in memory."""
    plant(tasks, *"abcdef")
    read = 0
    run = ViewerConnection.read

    def counted(connection: ViewerConnection, *given: Any) -> Any:
        nonlocal read
        read += 1
        return run(connection, *given)

    monkeypatch.setattr(ViewerConnection, "read", counted)
    pages = tasks.everything()
    assert titles_of(next(pages)) == ["a", "b"]
    assert read == 2  # the revision, and a page
    assert titles_of(next(pages)) == ["c", "d"]
    assert read == 3


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("kind", ["json", "csv"])
def test_no_connection_waits_for_the_client(
    database: Database, alice: Person, tasks: Tasks, kind: str
) -> None:
    plant(tasks, *"abcde")
    context = Context(alice.viewer, database.connect_as(alice.viewer), "-")
    pieces = FORMATS[kind].write(context.tasks().everything())
    number = 0
    while next_piece(context, pieces) is not None:
        assert context.connection._connection is None
        number += 1
    assert number >= 3


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    "fail", [Unavailable("The database is away."), RuntimeError("Something else.")]
)
def test_a_failure_on_the_way_does_not_look_like_a_whole_file(
    url: str,
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
        return read_page(*given)

    monkeypatch.setattr("todo_graphql.store.exports.read_page", failing)
    with caplog.at_level(logging.CRITICAL), pytest.raises(httpx.RemoteProtocolError):
        get(url, bearer(alice))
    assert len(exported(alice)) == 5


def test_a_failure_before_the_first_page_is_a_proper_answer(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_given: Any) -> Any:
        raise Unavailable("The database is away.")

    monkeypatch.setattr("todo_graphql.store.exports.read_page", failing)
    response = get(url, bearer(alice))
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
        lambda tasks, rows: tasks.update(Selected.one(ids(rows)[3]), Edits({"title": "x"})),
        ["a", "b", "c", "x", "e"],
    ),
    "created": (
        lambda tasks, _rows: plant(tasks, "f"),
        ["a", "b", "c", "d", "e", "f"],
    ),
    "purged": (
        lambda tasks, rows: tasks.purge(Selected.one(ids(rows)[3])),
        ["a", "b", "c", "e"],
    ),
}


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("name", CHANGES)
def test_a_task_that_changes_meanwhile_is_there_once(
    database: Database, alice: Person, tasks: Tasks, name: str
) -> None:
    change, expected = CHANGES[name]
    rows = plant(tasks, *"abcde")
    with database.connect_as(alice.viewer) as connection:
        pages = Tasks(connection).everything()
        titles = titles_of(next(pages))
        change(tasks, rows)
        for page in pages:
            titles += titles_of(page)
    assert sorted(titles) == sorted(expected)


@pytest.mark.usefixtures("small_pages")
def test_changes_without_end_are_not_run_after(tasks: Tasks) -> None:
    plant(tasks, "a", "b", "c")

    def read() -> None:
        for _ in tasks.everything():
            plant(tasks, "d")

    with pytest.raises(Unavailable, match="all the time"):
        read()


def test_who_has_never_written_has_no_tasks(database: Database) -> None:
    nobody = Viewer(uuid.uuid4())
    with database.connect_as(nobody) as connection:
        assert [*Tasks(connection).everything()] == [[]]
