"""POST /import: media types, sizes, authentication, and disconnects."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support import plain_http
from tests.support.administrators import administering
from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.data_files import error_of, imported, send, titles
from tests.support.http_client import CHUNKED, HOST, connected, post, said, status
from tests.support.servers import scratch_database, serving, settings_for
from todo_graphql.server.data_files.records import task_of
from todo_graphql.server.endpoints import import_tasks as server_imports
from todo_graphql.server.endpoints.import_body import MAX_IMPORT_BYTES
from todo_graphql.settings.settings import Settings
from todo_graphql.store.tasks.rows import NewTask

FILE = b'[{"title": "x"}]'


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        'text/csv; header=present; charset="utf-16"',
        "text/csv; charset",
    ],
)
def test_unsupported_import_type_is_rejected(alice: Person, content_type: str) -> None:
    error = error_of(send(alice, "title\nx", content_type))
    assert (error["code"], error["status"]) == ("BAD_USER_INPUT", 415)
    assert alice.revision() == 0


@pytest.mark.parametrize(
    "content_type",
    ["text/csv", "Text/CSV ;charset=UTF-8", 'text/csv; header=present; charset="utf-8"'],
)
def test_import_type_with_parameters_is_accepted(alice: Person, content_type: str) -> None:
    assert imported(alice, "title\nx", content_type)["created"] == 1


def padded(size: int) -> bytes:
    """Return a valid file of this size."""
    return b'[{"title": "x"}' + b" " * (size - 16) + b"]"


def in_chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


def test_file_of_maximum_size_is_imported(alice: Person) -> None:
    assert send(alice, padded(MAX_IMPORT_BYTES)).status_code == 200
    assert send(alice, in_chunks(padded(MAX_IMPORT_BYTES))).status_code == 200
    assert titles(alice) == ["x", "x"]


@pytest.mark.parametrize(
    ("header", "begun"),
    [
        (b"Content-Length: %d" % (MAX_IMPORT_BYTES + 1), b"["),
        (CHUNKED, b"%x\r\n%b\r\n" % (MAX_IMPORT_BYTES + 1, padded(MAX_IMPORT_BYTES + 1))),
    ],
    ids=["declared", "received"],
)
def test_file_over_maximum_size_is_rejected_before_its_end(
    url: str, alice: Person, header: bytes, begun: bytes
) -> None:
    response = said(url, post(alice, HOST, header, path=b"/import") + begun).lower()
    assert response.startswith(b"http/1.1 413 ")
    assert b"connection: close" in response
    assert alice.revision() == 0


@pytest.mark.parametrize("lines", [(), (b"Authorization: Bearer nonsense",)])
def test_import_without_valid_token_is_rejected_before_its_body(
    url: str, lines: tuple[bytes, ...]
) -> None:
    with connected(url) as connection:
        length = b"Content-Length: 1000"
        connection.sendall(post(None, HOST, *lines, length, path=b"/import") + b"[")
        assert status(connection) == 401


def test_import_with_duplicate_authorization_header_is_rejected(url: str, alice: Person) -> None:
    headers = [("Authorization", f"Bearer {alice.token}")] * 2
    assert plain_http.post(f"{url}/import", content="[]", headers=headers).status_code == 401


def test_import_requires_readiness(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url:
        settings = settings_for(url)
        with serving(settings) as base:
            assert error_of(send(Person(base, settings), "[]"))["code"] == "UNAVAILABLE"


def test_file_is_parsed_on_a_worker_thread(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsing does not block the event loop."""
    names = set()

    def noted(record: Any) -> NewTask:
        names.add(threading.current_thread().name.partition("_")[0])
        return task_of(record)

    monkeypatch.setattr(server_imports, "task_of", noted)
    imported(alice, '[{"title": "x"}]')
    imported(alice, "title\nx", "csv")
    assert names == {"operation"}


@pytest.mark.plain_postgresql
def test_disconnect_rolls_back_the_import(
    url: str, alice: Person, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    alice.create("there")
    waiting = text(
        "SELECT pid FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    over = text("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = :pid")
    with administering(settings.required_database_url()) as admin:
        admin.execute(text("BEGIN"))
        admin.execute(text("SELECT FROM users WHERE id = :id FOR UPDATE"), {"id": alice.id})
        with connected(url) as connection:
            connection.sendall(post(alice, HOST, b"Content-Length: 16", path=b"/import") + FILE)
            pid = until(lambda: admin.execute(waiting).scalar(), "an import that waits")
        until(lambda: "POST /import 499" in caplog.text, "the end of an import")
        admin.execute(text("ROLLBACK"))
        until(lambda: admin.execute(over, {"pid": pid}).scalar(), "the end of its transaction")
    assert (titles(alice), alice.revision()) == (["there"], 1)
