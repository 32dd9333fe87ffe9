"""Malformed, ambiguous and too large requests, and upgrades."""

import logging
from contextlib import suppress

import pytest

from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.http_client import (
    CHUNK,
    CHUNKED,
    END,
    H2C,
    HOST,
    LENGTH,
    QUERY,
    WEB_SOCKET,
    answers,
    connected,
    head,
    held_operations,
    post,
    reset,
    said,
    status,
    statuses,
)
from todo_graphql.server.protocol.limits import MAX_HEAD_BYTES

MORE = b"x" * MAX_HEAD_BYTES


def test_valid_request_gets_response(url: str, alice: Person) -> None:
    assert statuses(said(url, post(alice, HOST, LENGTH), QUERY, END)) == [200, 200]
    assert statuses(said(url, post(alice, HOST, CHUNKED), CHUNK, b"0\r\n\r\n", END)) == [200, 200]


@pytest.mark.parametrize(
    "lines",
    [
        (LENGTH,),
        (HOST, b"Host: elsewhere", LENGTH),
        (HOST, LENGTH, CHUNKED),
        (HOST, LENGTH, b"Content-Length: 1"),
        (HOST, b"Content-Length: +5"),
        (HOST, b"Content-Length: -5"),
        (HOST, b"Content-Length:"),
        (HOST, b"Content-Length: " + b"9" * 30),
        (HOST, b"Transfer-Encoding: gzip"),
        (HOST, LENGTH, b"X-Name : x"),
        (HOST, LENGTH, b"X-Name: a\0b"),
        (HOST, LENGTH, b"no header"),
    ],
    ids=lambda lines: repr(lines[-1][:30]),
)
def test_ambiguous_framing_is_rejected(
    url: str, alice: Person, lines: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    assert statuses(said(url, post(alice, *lines), QUERY)) == [400]
    assert max(record.levelno for record in caplog.records) == logging.WARNING


@pytest.mark.parametrize(
    "request_line",
    [b"nonsense", b"POST /graphql HTTP/3.7", b"CONNECT x:443 HTTP/1.1", b"\x16\x03\x01"],
)
def test_malformed_request_line_is_rejected(url: str, request_line: bytes) -> None:
    assert statuses(said(url, head(request_line, HOST))) == [400]


def test_http_1_0_request_without_host_is_accepted(url: str) -> None:
    assert statuses(said(url, head(b"GET /health/live HTTP/1.0"))) == [200]


@pytest.mark.parametrize("more", [b"Transfer-Encoding: gzip", CHUNKED], ids=["gzip", "twice"])
def test_additional_transfer_coding_is_rejected(url: str, alice: Person, more: bytes) -> None:
    assert statuses(said(url, post(alice, HOST, more, CHUNKED), CHUNK, b"0\r\n\r\n")) == [400]


@pytest.mark.parametrize("path", [b"/graphql", b"/import"])
@pytest.mark.parametrize("coding", [b"gzip", b"identity, br"])
def test_compressed_body_is_rejected(url: str, alice: Person, path: bytes, coding: bytes) -> None:
    request = post(alice, HOST, LENGTH, b"Content-Encoding: " + coding, path=path)
    assert statuses(said(url, request, QUERY, END)) == [415, 200]


def test_identity_content_encoding_is_accepted(url: str, alice: Person) -> None:
    request = post(alice, HOST, LENGTH, b"Content-Encoding: Identity")
    assert statuses(said(url, request, QUERY, END)) == [200, 200]


def test_content_length_of_many_digits_is_rejected(url: str, alice: Person) -> None:
    """Python does not parse such a number, even a small one."""
    digits = b"Content-Length: " + b"0" * 5_000 + b"5"
    assert statuses(said(url, post(alice, HOST, digits))) == [413]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /" + MORE,
        head(b"GET / HTTP/1.1", HOST)[:-2] + b"X-Name: " + MORE,
        head(b"GET / HTTP/1.1", HOST)[:-2] + b"X-Name: x\r\n" * 6_000,
    ],
    ids=["path", "header", "headers"],
)
def test_endless_head_is_rejected(url: str, request_: bytes) -> None:
    assert statuses(said(url, request_)) == [431]
    with connected(url) as connection:
        connection.sendall(head(b"GET /health/live HTTP/1.1", HOST))
        assert status(connection) == 200
        connection.sendall(request_)
        assert status(connection) == 431


def test_large_head_is_accepted(url: str) -> None:
    large = b"X-Name: " + b"x" * (MAX_HEAD_BYTES // 2)
    assert statuses(said(url, head(b"GET /health/live HTTP/1.1", HOST, large), END)) == [200, 200]


def test_trailer_is_not_a_header(url: str, alice: Person) -> None:
    """A proxy that checks headers does not see trailers."""
    trailer = b"0\r\nAuthorization: Bearer " + alice.token.encode() + b"\r\n\r\n"
    assert statuses(said(url, post(None, HOST, CHUNKED), CHUNK + trailer, END)) == [401, 200]


@pytest.mark.parametrize("end", [b"0\r\nX-Name: ", b"0\r\n" + b"X-Name: x\r\n" * 100, b"1;"])
def test_endless_trailer_is_rejected(url: str, alice: Person, end: bytes) -> None:
    with connected(url) as connection:
        connection.sendall(post(alice, HOST, CHUNKED) + CHUNK)
        with suppress(ConnectionError):  # the server closes the connection with unread input
            connection.sendall(end + MORE * 10)
            assert connection.recv(100).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("upgrade", [WEB_SOCKET, H2C], ids=["WebSocket", "HTTP/2"])
def test_upgrade_request_gets_http_1_1_response(
    url: str, alice: Person, upgrade: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    whole = post(alice, HOST, LENGTH, *upgrade), QUERY
    chunks = post(alice, HOST, CHUNKED, *upgrade), CHUNK, b"0\r\n\r\n"
    nothing = head(b"GET /health/live HTTP/1.1", HOST, *upgrade)
    assert statuses(said(url, *whole, *chunks, nothing, END)) == [200, 200, 200, 200]
    with connected(url) as connection:
        connection.sendall(whole[0])
        connection.sendall(QUERY[:5])
        connection.sendall(QUERY[5:] + END)
        assert answers(connection).count(b"HTTP/1.1 200 ") == 2
    assert {record.levelno for record in caplog.records} == {logging.INFO}


@pytest.mark.no_cover
def test_pipelined_upgrade_requests_do_not_recurse(url: str) -> None:
    upgrade = head(b"GET /health/live HTTP/1.1", HOST, *H2C)
    assert statuses(said(url, upgrade * 2_000, END)) == [200] * 2_001


def test_too_large_head_in_one_piece_is_rejected(url: str) -> None:
    long = head(b"GET /health/live HTTP/1.1", HOST, b"X: " + MORE)
    assert statuses(said(url, long)) == [431]


def test_disconnect_during_pipeline_logs_no_error(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun, gone = held_operations(monkeypatch)
    with connected(url) as connection:
        connection.sendall((post(alice, HOST, LENGTH) + QUERY) * 3)
        assert begun.wait(30)
        reset(connection)
    assert statuses(said(url, END)) == [200]  # the server has noticed the disconnect
    gone.set()
    until(lambda: "POST /graphql" in caplog.text, "the end of the operation")
    assert statuses(said(url, END)) == [200]
    assert {record.levelno for record in caplog.records} == {logging.INFO}
