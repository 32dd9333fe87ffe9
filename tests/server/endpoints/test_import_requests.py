"""POST /import as a request: its type, its length, whose it is, and who goes away."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administering
from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.data_files import error_of, imported, send, titles
from tests.support.http_client import CHUNKED, HOST, connected, post, said, status
from tests.support.servers import scratch_database, serving, settings_for
from todo_graphql.server.data_files.records import task_of
from todo_graphql.server.endpoints import import_tasks as server_imports
from todo_graphql.server.endpoints.import_tasks import MAX_IMPORT_BYTES
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
def test_another_type_is_refused(alice: Person, content_type: str) -> None:
    error = error_of(send(alice, "title\nx", content_type))
    assert (error["code"], error["status"]) == ("BAD_USER_INPUT", 415)
    assert alice.revision() == 0


@pytest.mark.parametrize(
    "content_type",
    ["text/csv", "Text/CSV ;charset=UTF-8", 'text/csv; header=present; charset="utf-8"'],
)
def test_a_type_may_have_parameters(alice: Person, content_type: str) -> None:
    assert imported(alice, "title\nx", content_type)["created"] == 1


def padded(size: int) -> bytes:
    """A good file of so many bytes."""
    return b'[{"title": "x"}' + b" " * (size - 16) + b"]"


def in_chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


def test_a_file_may_be_as_long_as_the_limit(alice: Person) -> None:
    assert send(alice, padded(MAX_IMPORT_BYTES)).status_code == 200
    assert send(alice, in_chunks(padded(MAX_IMPORT_BYTES))).status_code == 200
    assert titles(alice) == ["x", "x"]


@pytest.mark.parametrize(
    ("header", "begun"),
    [
        (b"Content-Length: %d" % (MAX_IMPORT_BYTES + 1), b"["),
        (CHUNKED, b"%x\r\n%b\r\n" % (MAX_IMPORT_BYTES + 1, padded(MAX_IMPORT_BYTES + 1))),
    ],
    ids=["it says so", "it is"],
)
def test_a_longer_file_is_refused_before_it_has_ended(
    url: str, alice: Person, header: bytes, begun: bytes
) -> None:
    answer = said(url, post(alice, HOST, header, path=b"/import") + begun).lower()
    assert answer.startswith(b"http/1.1 413 ")
    assert b"connection: close" in answer
    assert alice.revision() == 0


@pytest.mark.parametrize("lines", [(), (b"Authorization: Bearer nonsense",)])
def test_whoever_has_no_good_token_is_refused_before_the_body(
    url: str, lines: tuple[bytes, ...]
) -> None:
    with connected(url) as connection:
        length = b"Content-Length: 1000"
        connection.sendall(post(None, HOST, *lines, length, path=b"/import") + b"[")
        assert status(connection) == 401


def test_two_tokens_are_refused(url: str, alice: Person) -> None:
    headers = [("Authorization", f"Bearer {alice.token}")] * 2
    assert httpx.post(f"{url}/import", content="[]", headers=headers).status_code == 401


def test_nothing_is_written_before_the_proof(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url:
        settings = settings_for(url)
        with serving(settings) as base:
            assert error_of(send(Person(base, settings), "[]"))["code"] == "UNAVAILABLE"


def test_a_file_is_taken_apart_on_a_thread_of_its_own(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no other request has to wait for it."""
    names = set()

    def noted(record: Any) -> NewTask:
        names.add(threading.current_thread().name.partition("_")[0])
        return task_of(record)

    monkeypatch.setattr(server_imports, "task_of", noted)
    imported(alice, '[{"title": "x"}]')
    imported(alice, "title\nx", "csv")
    assert names == {"operation"}


def test_whoever_goes_away_gets_nothing_done(
    url: str, alice: Person, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even what was begun: the transaction is broken off."""
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
