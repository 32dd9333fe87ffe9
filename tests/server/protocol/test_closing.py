"""Lingering close: connections that end while the client still sends."""

import socket
import time
from contextlib import ExitStack

import pytest

from tests.support.api_client import Person
from tests.support.http_client import (
    CHUNKED,
    END,
    HOST,
    answers,
    asked_by,
    connected,
    head,
    statuses,
)
from tests.support.servers import serving
from todo_graphql.server.endpoints.import_body import MAX_IMPORT_BYTES
from todo_graphql.server.protocol import limits
from todo_graphql.server.protocol.limits import MinDataRate
from todo_graphql.settings.settings import Settings

MUCH = 300_000


def length(size: int) -> bytes:
    return b"Content-Length: %d" % size


def statuses_after_sending(url: str, request: bytes, *, at_once: bool = True) -> list[int]:
    """Send the whole request before reading, and return the statuses of the responses."""
    with connected(url) as connection:
        if not at_once:
            line, _, request = request.partition(b"\r\n")
            connection.sendall(line + b"\r\n")
            time.sleep(0.05)
        connection.sendall(request)
        return statuses(answers(connection))


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("lines", [(length(5_000_000),), (CHUNKED,)], ids=["a length", "chunks"])
def test_too_large_body_gets_413_while_client_sends(
    url: str, alice: Person, lines: tuple[bytes, ...], *, at_once: bool
) -> None:
    body = b"x" * 5_000_000
    if CHUNKED in lines:
        body = b"".join(b"%x\r\n%b\r\n" % (50_000, b"x" * 50_000) for _ in range(100))
    request = asked_by(alice, b"POST /graphql", *lines) + body
    assert statuses_after_sending(url, request, at_once=at_once) == [413]


def test_too_large_file_gets_413_while_client_sends(url: str, alice: Person) -> None:
    size = MAX_IMPORT_BYTES + 5_000_000
    request = asked_by(alice, b"POST /import", length(size))
    assert statuses_after_sending(url, request + b"x" * size) == [413]


@pytest.mark.parametrize("pause", [0, 0.05])
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (head(b"GET / HTTP/1.1", HOST, b"X: " + b"x" * MUCH), 431),
        (b"GET /" + b"x" * MUCH, 431),
        (b"nonsense\r\n" + b"x" * MUCH, 400),
        (head(b"POST /graphql HTTP/1.1", length(MUCH)) + b"x" * MUCH, 400),
        (b"\x16\x03\x01" + b"x" * MUCH, 400),
    ],
    ids=["a header", "a path", "nonsense", "no host", "TLS"],
)
def test_rejected_head_gets_response_while_client_sends(
    url: str, request_: bytes, status: int, pause: float
) -> None:
    with connected(url) as connection:
        connection.sendall(request_[:70_000])
        time.sleep(pause)
        connection.sendall(request_[70_000:])
        for _ in range(20):
            connection.sendall(b"x" * 50_000)
        assert statuses(answers(connection)) == [status]


@pytest.mark.parametrize("pause", [0, 0.05])
@pytest.mark.parametrize(
    ("end", "status"), [(b"1;" + b"x" * MUCH, 431), (b"nonsense\r\n" + b"x" * MUCH, 400)]
)
def test_malformed_chunk_gets_response_while_client_sends(
    url: str, alice: Person, end: bytes, status: int, pause: float
) -> None:
    with connected(url) as connection:
        connection.sendall(asked_by(alice, b"POST /graphql", CHUNKED))
        time.sleep(pause)
        connection.sendall(end)
        connection.sendall(b"x" * MUCH)
        assert statuses(answers(connection)) == [status]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections linger for half a second."""
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(limits, "LINGER_SECONDS", 0.5)


def is_closed(connection: socket.socket, piece: bytes, pause: float) -> bool:
    """Return whether sending fails within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            connection.sendall(piece)
        except ConnectionError:
            return True
        time.sleep(pause)
    return False


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "begun", [b"nonsense\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n"]
)
def test_lingering_connection_is_closed_after_time_limit(url: str, begun: bytes) -> None:
    with connected(url) as connection:
        connection.sendall(begun)
        assert statuses(answers(connection)) == [400]
        assert is_closed(connection, b"x", 0.05)


def test_timed_out_connection_is_closed_without_lingering(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REQUEST_RATE", MinDataRate(0.3, 10_000))
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(limits, "LINGER_SECONDS", 60.0)
    with connected(url) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n")
        assert statuses(answers(connection)) == [408]
        assert is_closed(connection, b"x", 0.05)


def test_lingering_connection_is_closed_after_byte_limit(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LINGER_BYTES", 1_000_000)
    with connected(url) as connection:
        connection.sendall(asked_by(alice, b"POST /graphql", length(10**12)))
        assert statuses(answers(connection)) == [413]
        assert is_closed(connection, b"x" * 100_000, 0)


def test_body_after_response_is_bounded(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is a persistent one."""
    monkeypatch.setattr(limits, "LINGER_BYTES", 1_000_000)
    with connected(url) as connection:
        connection.sendall(head(b"POST /graphql HTTP/1.1", HOST, length(10**12)))
        assert connection.recv(1_000).startswith(b"HTTP/1.1 401 ")
        assert is_closed(connection, b"x" * 100_000, 0)


def test_body_after_response_keeps_the_connection(url: str) -> None:
    with connected(url) as connection:
        connection.sendall(head(b"POST /graphql HTTP/1.1", HOST, length(300_000)))
        first = connection.recv(10_000)
        connection.sendall(b"x" * 300_000 + END)
        assert statuses(first + answers(connection)) == [401, 200]


def test_missing_body_after_response_gets_no_second_response(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection closes with the first response."""
    monkeypatch.setattr(limits, "REQUEST_RATE", MinDataRate(0.3, 10_000))
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.1)
    with connected(url) as connection:
        connection.sendall(head(b"POST /graphql HTTP/1.1", HOST, length(9)) + b"{")
        assert statuses(answers(connection)) == [401]


def test_connection_closes_when_100_continue_is_refused(url: str) -> None:
    """The client may send either the body or the next request."""
    with connected(url) as connection:
        request = head(b"POST /graphql HTTP/1.1", HOST, length(300), b"Expect: 100-continue")
        connection.sendall(request)
        first = connection.recv(10_000)
        connection.sendall(END)
        response = first + answers(connection)
    assert statuses(response) == [401]
    assert b"connection: close" in response


def test_lingering_connections_do_not_delay_shutdown(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as stack:
        with serving(settings) as base:
            for begun, status in ((b"nonsense\r\n", 400), (head(b"GET /", length(9)), 400)):
                connection = stack.enter_context(connected(base))
                connection.sendall(begun)
                assert statuses(answers(connection)) == [status]
            connection = stack.enter_context(connected(base))
            person = Person(base, settings)
            connection.sendall(asked_by(person, b"POST /graphql", length(10**9)))
            assert statuses(answers(connection)) == [413]
        assert "exceeded" not in caplog.text
