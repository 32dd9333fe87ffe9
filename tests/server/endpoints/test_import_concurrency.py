"""POST /import: concurrent imports, and time limits."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRWPair

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administer, administering
from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.data_files import error_of, exported, imported, send, titles
from tests.support.http_client import HOST, connected, post
from tests.support.servers import migrated_database, serving, settings_for
from todo_graphql.errors import OUTCOME_UNKNOWN, TOO_LATE
from todo_graphql.server.endpoints import import_body, import_tasks
from todo_graphql.server.endpoints.upload_budget import ALREADY_RUNNING
from todo_graphql.server.protocol.limits import MinDataRate
from todo_graphql.settings.settings import Settings

FILE = b'[{"title": "x"}]'
WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
HOLD = """
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql
AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END';
GRANT EXECUTE ON FUNCTION hold() TO PUBLIC;
CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON tasks
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold()
"""
"""A trigger that lets the COMMIT of an inserted task wait for an advisory lock."""


@contextmanager
def begun(who: Person) -> Iterator[BufferedRWPair]:
    """Send the head of an import."""
    lines = b"Content-Length: %d" % len(FILE), b"Expect: 100-continue"
    with connected(who.url) as connection, connection.makefile("rwb") as stream:
        stream.write(post(who, HOST, *lines, path=b"/import"))
        stream.flush()
        yield stream


@contextmanager
def unfinished(who: Person) -> Iterator[BufferedRWPair]:
    """Send an import without its last byte, which holds its slot: its body is being read."""
    with begun(who) as stream:
        assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert stream.readline() == b"\r\n"
        stream.write(FILE[:-1])
        stream.flush()
        yield stream


def wait_for_free_slot(who: Person) -> None:
    until(lambda: send(who, "[]").status_code == 200, "a free slot")


def test_second_import_of_a_user_is_rejected(alice: Person, mallory: Person) -> None:
    with unfinished(alice) as stream:
        response = send(alice, FILE)
        assert (response.status_code, error_of(response)["message"]) == (503, ALREADY_RUNNING)
        assert response.headers["retry-after"] == "5"
        assert imported(mallory, FILE)["created"] == 1
        stream.write(FILE[-1:])
        stream.flush()
        assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
    assert imported(alice, FILE)["created"] == 1
    assert len(exported(alice)) == 2


def test_unfinished_upload_holds_no_thread(settings: Settings) -> None:
    """With two threads, one import is processed at a time."""
    few = settings.model_copy(update={"database_pool_size": 2, "database_max_overflow": 0})
    with serving(few) as url:
        first, second = Person(url, few), Person(url, few)
        with unfinished(first) as stream:
            assert imported(second, FILE)["created"] == 1
            stream.write(FILE[-1:])
            stream.flush()
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"


def test_disconnect_releases_import_slot(alice: Person) -> None:
    with unfinished(alice):
        pass
    wait_for_free_slot(alice)
    assert exported(alice) == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[{}]", "json", 400),
        (b"\xff", "csv", 400),
        (FILE, "text/plain", 415),
        (b" " * (import_body.MAX_IMPORT_BYTES + 1), "json", 413),
        (FILE, "json", 200),
    ],
)
def test_every_response_releases_import_slot(
    alice: Person, body: bytes, kind: str, status: int
) -> None:
    for _ in range(2):
        assert send(alice, body, kind).status_code == status


def test_import_over_body_time_limit_is_rejected(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(import_body, "BODY_SECONDS", 0.5)
        with unfinished(alice) as stream:
            response = stream.read()
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    (error,) = json.loads(body)["errors"]
    assert error["message"].endswith("bytes per second and the whole file within 0.5 seconds.")
    assert error["extensions"] == {
        "code": "BAD_USER_INPUT",
        "status": 408,
        "reason": "UNSUPPORTED_REQUEST",
        "problems": [{"reason": "UNSUPPORTED_REQUEST", "message": error["message"]}],
    }
    assert imported(alice, FILE)["created"] == 1


def test_stalled_upload_is_rejected_before_slow_upload(
    alice: Person, mallory: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(import_body, "UPLOAD_RATE", MinDataRate(2.0, 1))
        with unfinished(alice) as sending, begun(mallory) as silent:
            assert b"HTTP/1.1 408 " in silent.read()
            sending.write(FILE[-1:])
            sending.flush()
            assert sending.readline() == b"HTTP/1.1 200 OK\r\n"
    assert imported(mallory, FILE)["created"] == 1


def test_import_over_time_limit_changes_nothing(
    alice: Person, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.create("there")
    with administering(settings.required_database_url()) as admin:
        admin.execute(text("BEGIN"))
        admin.execute(text("SELECT FROM users WHERE id = :id FOR UPDATE"), {"id": alice.id})
        with monkeypatch.context() as patch:
            patch.setattr(import_tasks, "IMPORT_SECONDS", 0.5)
            error = error_of(send(alice, FILE))
        admin.execute(text("ROLLBACK"))
        until(lambda: not admin.execute(WAITING).scalar(), "the end of its transaction")
    assert (error["code"], error["message"]) == ("UNAVAILABLE", TOO_LATE)
    assert titles(alice) == ["there"]
    assert imported(alice, FILE)["created"] == 1


@pytest.mark.plain_postgresql
def test_import_timeout_at_commit_has_unknown_outcome(
    postgresql: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_tasks, "IMPORT_SECONDS", 1.0)
    with migrated_database(postgresql) as database:
        settings = settings_for(database)
        with serving(settings) as url, administering(database) as admin:
            alice = Person(url, settings)
            assert exported(alice) == []
            administer(database, HOLD)
            admin.execute(text("SELECT pg_advisory_lock(1)"))
            error = error_of(send(alice, FILE))
            admin.execute(text("SELECT pg_advisory_unlock(1)"))
    assert (error["code"], error["message"]) == ("UNAVAILABLE", OUTCOME_UNKNOWN)
