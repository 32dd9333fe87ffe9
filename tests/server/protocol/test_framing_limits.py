"""Bounds on the framing and headers of a request, and the responses and log lines beyond them."""

import logging
import socket
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.http_client import (
    CHUNKED,
    END,
    HOST,
    LAST_CHUNK,
    LENGTH,
    LIVE,
    QUERY,
    answers,
    asked_by,
    connected,
    head,
    post,
    said,
    statuses,
)
from tests.support.servers import serving
from todo_graphql.server.protocol import limits
from todo_graphql.server.protocol.limits import (
    MAX_FRAMING_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_SHORT_CHUNKS,
    MAX_TARGET_BYTES,
    MIN_CHUNK_BYTES,
    MinDataRate,
)
from todo_graphql.server.protocol.request_parser import RequestParser
from todo_graphql.settings.settings import Settings

CHUNK_OF_ONE = b"1;" + b"x" * 4_096 + b"\r\n \r\n"


def sent_until_closed(connection: socket.socket, piece: bytes, most: int) -> int:
    """Send the piece repeatedly until a response arrives, and return the number of bytes sent."""
    sent = 0
    connection.setblocking(False)
    while sent < most:
        with suppress(BlockingIOError):
            if connection.recv(1, socket.MSG_PEEK):
                break
        with suppress(BlockingIOError, ConnectionError):
            sent += connection.send(piece)
    connection.settimeout(30)
    return sent


def in_chunks(body: bytes, size: int, extension: bytes = b"") -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts) + LAST_CHUNK


def test_chunk_extensions_are_bounded_in_total(url: str, alice: Person) -> None:
    """Each extension is short, and each chunk has a byte of the body."""
    import_ = asked_by(alice, b"POST /import", CHUNKED)
    with connected(url) as connection:
        connection.sendall(import_)
        assert sent_until_closed(connection, CHUNK_OF_ONE, 50_000_000) < 50_000_000
        with suppress(ConnectionError):  # some of the input may be unread
            assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_chunk_extensions_in_one_piece_are_bounded(url: str, alice: Person) -> None:
    extension = b";" + b"x" * (MAX_FRAMING_BYTES // len(QUERY) + 500)
    request = asked_by(alice, b"POST /graphql", CHUNKED) + in_chunks(QUERY, 1, extension)
    assert len(request) < 262_144  # what the server reads at once
    assert statuses(said(url, request))[-1] == 400


@pytest.mark.parametrize("count", [1, MAX_HEADERS + 1])
def test_trailers_in_one_piece_are_bounded(url: str, alice: Person, count: int) -> None:
    size = MAX_HEAD_BYTES if count == 1 else 1
    trailers = (b"X-Name: " + b"x" * size + b"\r\n") * count + b"\r\n"
    request = post(alice, HOST, CHUNKED) + in_chunks(QUERY, 100)[:-2] + trailers
    assert statuses(said(url, request + END)) == [431]


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("pieces", [1, 3])
def test_body_in_small_chunks_is_accepted(url: str, alice: Person, size: int, pieces: int) -> None:
    body = b'{"query": "{ __typename }"%b}' % (b" " * 1_000)
    request = asked_by(alice, b"POST /graphql", CHUNKED) + in_chunks(body, size, b";a=b")
    assert statuses(said(url, *[request] * pieces, END)) == [200] * (pieces + 1)


def test_large_body_in_short_chunks_is_accepted(url: str, alice: Person) -> None:
    file = b"[]".ljust(1_100_000)
    framed = in_chunks(file, 16)
    assert len(framed) - len(file) > 3 * MAX_FRAMING_BYTES
    assert statuses(said(url, asked_by(alice, b"POST /import", CHUNKED), framed, END)) == [200, 200]


def test_large_body_before_chunks_in_one_piece_is_accepted() -> None:
    received: list[int] = []
    connection: Any = SimpleNamespace(
        on_request_begin=lambda: None,
        on_request=lambda scope, **keywords: None,
        on_body=lambda data: received.append(len(data)),
        on_request_complete=lambda: None,
    )
    parser = RequestParser(connection)
    size = MAX_FRAMING_BYTES + 1
    first = head(b"POST /import HTTP/1.1", HOST, b"Content-Length: %d" % size) + b" " * size
    parser.receive(first + head(b"POST /import HTTP/1.1", HOST, CHUNKED) + in_chunks(b"[]", 2))
    parser.parse_piece()
    assert received == [size, 2]


def test_number_of_headers_is_bounded(url: str) -> None:
    lines = [b"X: %d" % number for number in range(MAX_HEADERS - 1)]
    assert statuses(said(url, head(LIVE, HOST, *lines), END)) == [200, 200]
    assert statuses(said(url, head(LIVE, HOST, b"Y: y", *lines), END)) == [431]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (head(b"HEAD /health/live HTTP/1.1"), 400),
        (head(b"HEAD /health/live HTTP/1.1", HOST, b"X Y: z"), 400),
        (head(b"HEAD /health/live HTTP/1.1", HOST, b"X: " + b"x" * MAX_HEAD_BYTES), 431),
        (head(b"HEAD / HTTP/1.1", HOST, CHUNKED) + b"z\r\n", 400),
    ],
)
def test_rejected_head_request_gets_no_body(url: str, request_: bytes, status: int) -> None:
    response = said(url, request_)
    assert statuses(response) == [status]
    assert response.endswith(b"\r\n\r\n")
    assert said(url, request_.replace(b"HEAD", b"GET", 1)).endswith(b"}")


def test_malformed_request_after_head_request_gets_body(url: str) -> None:
    before = head(b"HEAD /health/live HTTP/1.1", HOST)
    response = said(url, before + b"nonsense\r\n\r\n")
    assert statuses(response) == [200, 400]
    assert response.endswith(b"}")


def test_late_head_request_gets_no_body(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REQUEST_RATE", MinDataRate(0.05, 10_000_000))
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.01)
    with connected(url) as connection:
        connection.sendall(b"HEAD /health/live HTTP/1.1\r\nHost: a")
        response = answers(connection)
    assert statuses(response) == [408]
    assert response.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (b"secret /secret HTTP/1.1\r\n\r\n", "Invalid method encountered."),
        (head(b"GET /secret HTTP/1.1"), "Expected HTTP/1.0 or 1.1 and exactly one Host header."),
        (head(b"GET /secret HTTP/1.1", b"Host: secret@secret"), "Host is invalid."),
        (head(b"GET /secret HTTP/1.1", HOST, b"secret secret: x"), "Invalid header token."),
        (head(b"GET //secret:secret@ HTTP/1.1", b"Host: a b"), "Host is invalid."),
        (head(b"GET http://[secret/ HTTP/1.1", HOST), "The request target is invalid."),
        (head(LIVE, HOST, b"secret: " + b"secret" * 20_000), "The head is too large."),
        (head(LIVE, HOST, *[b"secret: x"] * 300), "The head is too large."),
        (
            head(b"POST / HTTP/1.1", HOST, CHUNKED) + b"secret\r\n",
            "Invalid character in chunk size.",
        ),
    ],
)
def test_rejected_request_is_logged_with_client_and_reason(
    url: str, request_: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    said(url, request_)
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert line.startswith("Rejected an HTTP request with status 4")
    assert line.endswith(f" Client: 127.0.0.1. Reason: {reason}")
    assert "secret" not in line


def test_interim_response_is_sent_once_per_request(url: str, alice: Person) -> None:
    lines = LENGTH, *[b"Expect: 100-continue"] * 50
    with connected(url) as connection:
        connection.sendall(asked_by(alice, b"POST /graphql", *lines))
        assert connection.recv(1_000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(QUERY[:1])
        connection.sendall(QUERY[1:] + END)
        assert statuses(answers(connection)) == [200, 200]


def test_blank_lines_before_a_request_are_bounded(url: str) -> None:
    assert statuses(said(url, b"\r\n" * 10 + END)) == [200]
    assert statuses(said(url, b"\r\n" * MAX_HEAD_BYTES + END)) == [431]


def test_length_of_path_and_query_is_bounded(url: str) -> None:
    path = b"/health/live?"
    query = b"a" * (MAX_TARGET_BYTES - len(path))
    assert statuses(said(url, head(b"GET %b%b HTTP/1.1" % (path, query), HOST), END)) == [200, 200]
    assert statuses(said(url, head(b"GET %b%ba HTTP/1.1" % (path, query), HOST), END)) == [414]


def test_number_of_short_chunks_is_bounded(url: str, alice: Person) -> None:
    body = QUERY.ljust(2 * MAX_SHORT_CHUNKS)
    request = asked_by(alice, b"POST /graphql", CHUNKED)
    assert statuses(said(url, request + in_chunks(body, 1)))[-1] == 400
    assert statuses(said(url, request + in_chunks(body, MIN_CHUNK_BYTES), END)) == [200, 200]


def test_connection_beyond_the_limit_closes_the_longest_idle_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(settings) as own, connected(own) as oldest, connected(own) as older:
        for connection in (oldest, older):
            connection.sendall(head(LIVE, HOST))
            assert connection.recv(8) == b"HTTP/1.1"
            time.sleep(0.01)  # uvloop's clock counts whole milliseconds
        monkeypatch.setattr(limits, "MAX_CONNECTIONS", 2)
        with connected(own) as newest:
            newest.sendall(head(LIVE, HOST))
            assert newest.recv(8) == b"HTTP/1.1"
            with suppress(ConnectionError):
                while oldest.recv(65_536):
                    pass
            older.sendall(head(LIVE, HOST) + END)
            assert answers(older).count(b"HTTP/1.1 200 ") == 2
