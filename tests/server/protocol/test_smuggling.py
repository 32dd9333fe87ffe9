"""Request smuggling: ambiguous and invalid requests."""

import logging
import time

import pytest

from tests.support.api_client import Person
from tests.support.http_client import (
    CHUNK,
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
    said,
    statuses,
)


def assert_rejected(url: str, caplog: pytest.LogCaptureFixture, request: bytes) -> None:
    """Assert that the connection closes with one response, which does not name the server."""
    response = said(url, request + END)
    assert statuses(response) == [400]
    assert b'"Malformed HTTP request."' in response
    assert b"\r\nserver:" not in response
    assert max(record.levelno for record in caplog.records) == logging.WARNING
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize(
    "coding",
    [
        b"xchunked",
        b"chunked, identity",
        b"gzip, chunked",
        b"identity",
        b"\x0bchunked",
        b"chunked;q=1",
        b'"chunked"',
        b"chunked,",
        b"",
        b"\r\n chunked",
    ],
)
def test_invalid_transfer_encoding_is_rejected(
    url: str, alice: Person, coding: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    request = asked_by(alice, b"POST /graphql", b"Transfer-Encoding: " + coding)
    assert_rejected(url, caplog, request + CHUNK + LAST_CHUNK)


@pytest.mark.parametrize(
    "lines",
    [
        (LENGTH, LENGTH),
        (b"Content-Length: 27, 27",),
        (CHUNKED, LENGTH),
        (LENGTH, b"X-Name: a\r\n b"),
        (LENGTH, b"X-Name: a\n" + CHUNKED),
        (LENGTH, b"X-Name: a\r" + CHUNKED),
        (LENGTH + b"\n" + CHUNKED,),
        (b"Transfer-Encoding : chunked",),
        (b" " + CHUNKED,),
        (b"Content-Length: 0x1b",),
        (b"Content-Length: 2_7",),
        (b"Content-Length: 2 7",),
        (b"Content-Length: 18446744073709551616",),
        (b"Content-Length: \xd9\xa3",),
        (LENGTH, b"X\0Name: a"),
        (LENGTH, b"X-Name\xff: a"),
        (LENGTH, b"X-Name: a\x7f"),
        (LENGTH, b": a"),
    ],
    ids=repr,
)
def test_malformed_header_line_is_rejected(
    url: str, alice: Person, lines: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    assert_rejected(url, caplog, asked_by(alice, b"POST /graphql", *lines) + QUERY)


@pytest.mark.parametrize(
    "chunks",
    [
        CHUNK.replace(b"\r\n", b"\n", 1) + LAST_CHUNK,
        CHUNK[:-2] + b"\n" + LAST_CHUNK,
        CHUNK[:-2] + LAST_CHUNK,
        CHUNK.replace(b"1b", b"1a") + LAST_CHUNK,
        CHUNK.replace(b"1b", b"0x1b") + LAST_CHUNK,
        CHUNK.replace(b"1b", b"+1b") + LAST_CHUNK,
        CHUNK.replace(b"1b", b"-1b") + LAST_CHUNK,
        CHUNK.replace(b"1b", b" 1b") + LAST_CHUNK,
        CHUNK.replace(b"1b", b"f" * 17) + LAST_CHUNK,
        CHUNK.replace(b"1b", b"1b;a\nb") + LAST_CHUNK,
        CHUNK + b"0\n\n",
        CHUNK + b"0\r\nX Name: a\r\n\r\n",
        CHUNK + b"0\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_malformed_chunks_are_rejected(
    url: str, alice: Person, chunks: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert_rejected(url, caplog, asked_by(alice, b"POST /graphql", CHUNKED) + chunks)


@pytest.mark.parametrize(
    "host",
    [b"a b", b"a, b", b"a/../b", b"a@b", b"a:b", b"[::1", b"\xff", b"a#b"],
)
def test_invalid_host_is_rejected(url: str, host: bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert_rejected(url, caplog, head(LIVE, b"Host: " + host))


@pytest.mark.parametrize("host", [b"", b"x", b"x.example.com:8000", b"[::1]:80", b"1.2.3.4:"])
def test_valid_host_is_accepted(url: str, host: bytes) -> None:
    """The host is checked for each request of a connection."""
    assert statuses(said(url, head(LIVE, b"Host: " + host) * 2 + END)) == [200, 200, 200]
    assert statuses(said(url, head(LIVE, b"Host: " + host) + head(LIVE, b"Host: a b"))) == [
        200,
        400,
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"GET /health/live",
        b"GET /health/live HTTP/0.9",
        b"GET /health/live HTTP/1.2",
        b"GET /health/live HTTP/2.0",
        b"GET /health/live HTTP/1.10",
        b"GET /health/live http/1.1",
        b"get /health/live HTTP/1.1",
        b"GET  HTTP/1.1",
        b"GET health/live HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /\x80 HTTP/1.1",
        b"GET /\0 HTTP/1.1",
        b"GET x:443 HTTP/1.1",
        b"GET http:// HTTP/1.1",
        b"GET http://[::1 HTTP/1.1",
        b"GET http://x:99999/ HTTP/1.1",
        b"CONNECT /graphql HTTP/1.1",
        b"CONNECT x:443 HTTP/1.1",
        b"PRI * HTTP/2.0\r\n\r\nSM",
        b"\x16\x03\x01\0\xc8\x01\0\0\xc4\x03\x03" + b"\x01" * 200,
    ],
    ids=repr,
)
def test_invalid_request_line_is_rejected(
    url: str, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert_rejected(url, caplog, head(line, HOST))


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET http://elsewhere/health/live HTTP/1.1", 200),
        (b"GET /health/%6cive HTTP/1.1", 200),
        (b"GET //x/health/live HTTP/1.1", 404),
        (b"GET /../health/live HTTP/1.1", 404),
        (b"GET /health/live%00 HTTP/1.1", 404),
        (b"GET /%ff% HTTP/1.1", 404),
        (b"GET /" + b"a" * 8_000 + b" HTTP/1.1", 404),
        (b"OPTIONS * HTTP/1.1", 404),
        (b"OPTIONS /graphql HTTP/1.1", 405),
        (b"TRACE /graphql HTTP/1.1", 405),
        (b"QUERY /graphql HTTP/1.1", 405),
    ],
    ids=lambda given: repr(given)[:40],
)
def test_unusual_request_target_gets_response(url: str, line: bytes, status: int) -> None:
    """The connection stays open for the next request."""
    assert statuses(said(url, head(line, HOST) + END)) == [status, 200]


def test_pipelined_requests_in_one_piece_are_separated(url: str, alice: Person) -> None:
    operation = asked_by(alice, b"POST /graphql", LENGTH) + QUERY
    response = said(url, operation + END)
    assert statuses(response) == [200, 200]
    assert response.index(b'"Query"') < response.index(b'"live"')
    assert statuses(said(url, operation + b"nonsense\r\n\r\n")) == [200, 400]
    assert statuses(said(url, operation * 2 + head(LIVE) + END)) == [200, 200, 400]
    last = asked_by(alice, b"POST /graphql", LENGTH, b"Connection: close") + QUERY
    assert statuses(said(url, last + END)) == [200]
    assert statuses(said(url, last + b"nonsense\r\n\r\n")) == [200]


def said_in_pieces(url: str, *pieces: bytes) -> bytes:
    """Return the responses to pieces that are sent with pauses."""
    with connected(url) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.02)
        return answers(connection)


def test_expect_100_continue_gets_interim_response(url: str, alice: Person) -> None:
    lines = LENGTH, b"Expect: 100-continue"
    request = asked_by(alice, b"POST /graphql", *lines)
    assert statuses(said_in_pieces(url, request, QUERY)) == [100, 200]
    older = request.replace(b"HTTP/1.1", b"HTTP/1.0")
    assert statuses(said_in_pieces(url, older, QUERY)) == [200]
