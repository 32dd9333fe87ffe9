"""GET /export: pages and pieces in bytes, concurrent exports, early ends, and `userId`."""

import logging
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.data_files import ask_for_export, error_of, export, exported, send
from tests.support.http_client import asked_by, connected
from todo_graphql.errors import Unavailable
from todo_graphql.server.data_files.formats import FORMATS
from todo_graphql.server.data_files.records import PART_BYTES
from todo_graphql.server.endpoints import export_limits, export_tasks
from todo_graphql.server.endpoints.export_limits import ALREADY_RUNNING, TOO_MANY
from todo_graphql.server.protocol.limits import EXPORT_RATE, MinDataRate
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.transfer import export_pages, exports
from todo_graphql.store.tasks.transfer.export_pages import EXPORT_PAGE_BYTES, read_export_page

LONGEST = NewTask("t" * 200, "\x01" * 10_000, tags=tuple(f"{'t' * 48}{n:02}" for n in range(20)))
WIDEST = NewTask("😀" * 200, "😀" * 10_000, tags=tuple(f"{'😀' * 48}{n:02}" for n in range(20)))


@pytest.fixture
def tasks(database: Database, alice: Person) -> Iterator[Tasks]:
    with database.connect_as(alice.viewer) as connection:
        tasks = Tasks(connection)
        tasks.import_tasks([NewTask("a"), *[WIDEST] * 40, NewTask("b"), *[LONGEST] * 60])
        yield tasks


def size_of(row: tuple[Any, ...]) -> int:
    texts = [text for value in row for text in (value if isinstance(value, list) else [value])]
    return sum(len(str(text).encode()) for text in texts)


def test_result_of_an_export_page_is_bounded_in_bytes(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    results: list[list[tuple[Any, ...]]] = []
    read = ViewerConnection.read

    def noting(connection: ViewerConnection, *given: Any) -> Any:
        results.append(list(read(connection, *given)))
        return results[-1]

    monkeypatch.setattr(ViewerConnection, "read", noting)
    pages = list(tasks.iter_all())
    assert [row.title[0] for page in pages for row in page] == ["a", *"😀" * 40, "b", *"t" * 60]
    fixed = 400 * max(map(len, results))
    assert max(sum(map(size_of, result)) for result in results) <= EXPORT_PAGE_BYTES + fixed
    assert len(pages) < 10


@pytest.mark.usefixtures("tasks")
@pytest.mark.parametrize("limit", [1, 50_000])
def test_task_larger_than_a_page_is_exported(
    alice: Person, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(export_pages, "EXPORT_PAGE_BYTES", limit)
    assert len(exported(alice)) == 102


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_piece_of_an_export_is_bounded_in_bytes(tasks: Tasks, alice: Person, kind: str) -> None:
    pieces = list(FORMATS[kind].write(tasks.iter_all()))
    assert max(map(len, pieces)) <= PART_BYTES + 70_000
    assert b"".join(pieces) == export(alice, kind)


class Piece(bytes):
    """A piece of a file that counts the pieces in memory."""

    present = 0

    def __new__(cls, content: bytes) -> "Piece":
        cls.present += 1
        return super().__new__(cls, content)

    def __del__(self) -> None:
        type(self).present -= 1


@pytest.mark.usefixtures("tasks")
def test_sent_piece_is_free_while_the_next_one_is_read(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    present: list[int] = []
    read = export_tasks.next_piece

    def noting(context: Any, pieces: Iterator[bytes]) -> bytes | None:
        present.append(Piece.present)
        piece = read(context, pieces)
        return piece if piece is None else Piece(piece)

    monkeypatch.setattr(export_tasks, "next_piece", noting)
    assert len(exported(alice)) == 102
    assert len(present) > 3
    assert max(present) == 0


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch, tasks: Tasks) -> threading.Event:
    """Let all pages after the first one of an export wait for this event."""
    go_on = threading.Event()

    def read(statements: Any, since: int, place: Any) -> Any:
        assert place is None or go_on.wait(30)
        return read_export_page(statements, since, place)

    monkeypatch.setattr(exports, "read_export_page", read)
    return go_on


def test_third_export_of_a_user_is_rejected(
    url: str, alice: Person, mallory: Person, held: threading.Event
) -> None:
    with connected(url) as first, connected(url) as second:
        for connection in (first, second):
            connection.sendall(asked_by(alice, b"GET /export", b"Connection: close"))
            assert connection.recv(12) == b"HTTP/1.1 200"
        response = ask_for_export(alice)
        assert (response.status_code, error_of(response)["message"]) == (503, ALREADY_RUNNING)
        assert response.headers["retry-after"] == "5"
        assert exported(mallory) == []
        held.set()
    until(lambda: ask_for_export(alice).status_code == 200, "a free slot")


def test_exports_of_a_process_are_limited(
    url: str,
    alice: Person,
    mallory: Person,
    held: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export_limits, "MAX_EXPORTS", 1)
    with connected(url) as connection:
        connection.sendall(asked_by(alice, b"GET /export"))
        assert connection.recv(12) == b"HTTP/1.1 200"
        assert error_of(ask_for_export(mallory))["message"] == TOO_MANY
        held.set()
    until(lambda: ask_for_export(mallory).status_code == 200, "a free slot")


def test_rejected_export_releases_its_slot(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_given: Any) -> Any:
        raise Unavailable("The database is unavailable.")

    with monkeypatch.context() as patch:
        patch.setattr(exports, "read_export_page", failing)
        for _ in range(3):
            assert error_of(ask_for_export(alice))["message"] == "The database is unavailable."
    assert exported(alice) == []


def logged(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if not record.getMessage().startswith("GET ")]


@pytest.mark.usefixtures("tasks")
def test_database_failure_on_a_later_page_is_one_log_line(
    alice: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(statements: Any, since: int, place: Any) -> Any:
        if place is not None:
            raise Unavailable("The database is unavailable.")
        return read_export_page(statements, since, place)

    monkeypatch.setattr(exports, "read_export_page", failing)
    with pytest.raises(httpx.RemoteProtocolError):
        ask_for_export(alice)
    until(lambda: "GET /export 503" in caplog.text, "the end of an export")
    (record,) = logged(caplog)
    assert record.getMessage() == "An export ended early: The database is unavailable."
    assert record.exc_info is None


def test_client_that_leaves_during_a_later_page_is_no_error(
    url: str, alice: Person, held: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(url) as connection:
        connection.sendall(asked_by(alice, b"GET /export"))
        assert connection.recv(12) == b"HTTP/1.1 200"
    until(lambda: "GET /export 499" in caplog.text, "the end of an export")
    held.set()
    assert logged(caplog) == []


def test_slow_reader_of_an_export_loses_its_slot(
    url: str, alice: Person, tasks: Tasks, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """The socket buffers take a few megabytes."""
    tasks.import_tasks([LONGEST] * 400)
    monkeypatch.setattr(export_tasks, "EXPORT_RATE", MinDataRate(0.1, 10**9))
    monkeypatch.setattr(export_limits, "MAX_OWNER_EXPORTS", 1)
    with connected(url, room=4_096) as connection:
        connection.sendall(asked_by(alice, b"GET /export"))
        assert connection.recv(12) == b"HTTP/1.1 200"
        until(lambda: "GET /export 503" in caplog.text, "the end of an export")
        (record,) = logged(caplog)
        assert record.getMessage() == "An export ended early: " + export_tasks.TOO_SLOW
        monkeypatch.setattr(export_tasks, "EXPORT_RATE", EXPORT_RATE)
        assert len(exported(alice)) == 502


def ask(who: Person, path: str, user_id: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {who.token}", "Content-Type": "application/json"}
    method = "GET" if path == "export" else "POST"
    address = f"{who.url}/{path}?{user_id}"
    return plain_http.request(
        method, address, headers=headers, content="[]" if path == "import" else None
    )


@pytest.mark.parametrize("path", ["export", "import"])
def test_user_id_of_another_user_is_forbidden(alice: Person, mallory: Person, path: str) -> None:
    alice.create("Alice's")
    for value in (alice.id, str(uuid.uuid4()), "x", ""):
        error = error_of(ask(mallory, path, f"userId={value}"))
        assert (error["code"], error["status"]) == ("FORBIDDEN", 403)
        assert "userId" in error["message"]
    assert exported(mallory) == []


@pytest.mark.parametrize("path", ["export", "import"])
def test_own_user_id_is_accepted(alice: Person, path: str) -> None:
    for value in (alice.id, alice.id.upper()):
        assert ask(alice, path, f"userId={value}").status_code == 200


@pytest.mark.parametrize("path", ["export", "import"])
@pytest.mark.parametrize("name", ["dryRun", "UserId", "x" * 200])
def test_unknown_parameter_is_rejected(alice: Person, path: str, name: str) -> None:
    """The parameters are checked before the head of the body."""
    headers = {"Authorization": f"Bearer {alice.token}", "Content-Type": "text/plain"}
    method = "GET" if path == "export" else "POST"
    address = f"{alice.url}/{path}?{name}=true"
    error = error_of(plain_http.request(method, address, headers=headers))
    assert (error["code"], error["status"]) == ("BAD_USER_INPUT", 400)
    assert (error["reason"], error["field"]) == ("UNKNOWN_FIELD", name[:100])


@pytest.mark.parametrize("path", ["export", "import"])
def test_duplicate_user_id_is_rejected(alice: Person, mallory: Person, path: str) -> None:
    for other in (alice, mallory):
        error = error_of(ask(alice, path, f"userId={alice.id}&userId={other.id}"))
        assert (error["code"], error["field"]) == ("BAD_USER_INPUT", "userId")


def test_import_for_another_user_changes_nothing(alice: Person, mallory: Person) -> None:
    task = '[{"title": "rejected"}]'
    headers = {"Authorization": f"Bearer {mallory.token}", "Content-Type": "application/json"}
    address = f"{mallory.url}/import?userId={alice.id}"
    assert plain_http.post(address, content=task, headers=headers).status_code == 403
    assert exported(alice) == exported(mallory) == []
    assert send(mallory, task).status_code == 200
