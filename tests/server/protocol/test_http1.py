"""What is no proper HTTP, byte by byte."""

import logging
import threading
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
    post,
    reset,
    said,
    status,
    statuses,
)
from todo_graphql.api.schema import GraphQLRequest
from todo_graphql.server.http.body import parse_graphql_request
from todo_graphql.server.protocol.limits import MAX_HEAD_BYTES

MORE = b"x" * MAX_HEAD_BYTES


def test_a_proper_request_is_answered(url: str, alice: Person) -> None:
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
def test_what_could_be_read_in_two_ways_is_refused(
    url: str, alice: Person, lines: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    assert statuses(said(url, post(alice, *lines), QUERY)) == [400]
    assert max(record.levelno for record in caplog.records) == logging.WARNING


@pytest.mark.parametrize(
    "request_line",
    [b"nonsense", b"POST /graphql HTTP/3.7", b"CONNECT x:443 HTTP/1.1", b"\x16\x03\x01"],
)
def test_what_is_no_request_is_refused(url: str, request_line: bytes) -> None:
    assert statuses(said(url, head(request_line, HOST))) == [400]


def test_an_older_client_names_no_host(url: str) -> None:
    assert statuses(said(url, head(b"GET /health/live HTTP/1.0"))) == [200]


@pytest.mark.parametrize("more", [b"Transfer-Encoding: gzip", CHUNKED], ids=["gzip", "twice"])
def test_chunks_of_something_else_are_refused(url: str, alice: Person, more: bytes) -> None:
    assert statuses(said(url, post(alice, HOST, more, CHUNKED), CHUNK, b"0\r\n\r\n")) == [400]


@pytest.mark.parametrize("path", [b"/graphql", b"/import"])
@pytest.mark.parametrize("coding", [b"gzip", b"identity, br"])
def test_a_compressed_body_is_refused(url: str, alice: Person, path: bytes, coding: bytes) -> None:
    request = post(alice, HOST, LENGTH, b"Content-Encoding: " + coding, path=path)
    assert statuses(said(url, request, QUERY, END)) == [415, 200]


def test_a_body_may_say_that_it_is_not_compressed(url: str, alice: Person) -> None:
    request = post(alice, HOST, LENGTH, b"Content-Encoding: Identity")
    assert statuses(said(url, request, QUERY, END)) == [200, 200]


def test_a_length_of_thousands_of_digits_is_too_long(url: str, alice: Person) -> None:
    """Python would not read the number, however small."""
    digits = b"Content-Length: " + b"0" * 5_000 + b"5"
    assert statuses(said(url, post(alice, HOST, digits))) == [413]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /" + MORE,
        head(b"GET / HTTP/1.1", HOST)[:-2] + b"X-Name: " + MORE,
        head(b"GET / HTTP/1.1", HOST)[:-2] + b"X-Name: x\r\n" * 6_000,
    ],
    ids=["a path", "a header", "headers"],
)
def test_a_head_without_end_is_refused(url: str, request_: bytes) -> None:
    assert statuses(said(url, request_)) == [431]
    with connected(url) as connection:
        connection.sendall(head(b"GET /health/live HTTP/1.1", HOST))
        assert status(connection) == 200
        connection.sendall(request_)
        assert status(connection) == 431


def test_a_head_may_be_large(url: str) -> None:
    large = b"X-Name: " + b"x" * (MAX_HEAD_BYTES // 2)
    assert statuses(said(url, head(b"GET /health/live HTTP/1.1", HOST, large), END)) == [200, 200]


def test_a_trailer_is_no_header(url: str, alice: Person) -> None:
    """Whoever checks headers before this server never saw it."""
    trailer = b"0\r\nAuthorization: Bearer " + alice.token.encode() + b"\r\n\r\n"
    assert statuses(said(url, post(None, HOST, CHUNKED), CHUNK + trailer, END)) == [401, 200]


@pytest.mark.parametrize("end", [b"0\r\nX-Name: ", b"0\r\n" + b"X-Name: x\r\n" * 100, b"1;"])
def test_a_body_whose_end_does_not_come_is_given_up(url: str, alice: Person, end: bytes) -> None:
    with connected(url) as connection:
        connection.sendall(post(alice, HOST, CHUNKED) + CHUNK)
        with suppress(ConnectionError):  # it hangs up while there is more to be read
            connection.sendall(end + MORE * 10)
            assert connection.recv(100).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("upgrade", [WEB_SOCKET, H2C], ids=["WebSocket", "HTTP/2"])
def test_who_wishes_for_another_protocol_is_answered_in_this_one(
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


def test_wishes_are_not_nested(url: str) -> None:
    """However many come at once."""
    wish = head(b"GET /health/live HTTP/1.1", HOST, *H2C)
    assert statuses(said(url, wish * 2_000, END)) == [200] * 2_001


def test_a_head_is_measured_also_when_it_comes_in_one_piece(url: str) -> None:
    long = head(b"GET /health/live HTTP/1.1", HOST, b"X: " + MORE)
    assert statuses(said(url, long)) == [431]


def test_whoever_goes_before_many_answers_is_no_failure(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All but the last request would be answered to nobody."""
    begun, gone = threading.Event(), threading.Event()

    def work(body: bytes) -> GraphQLRequest:
        begun.set()
        assert gone.wait(30)
        return parse_graphql_request(body)

    monkeypatch.setattr("todo_graphql.server.endpoints.graphql.parse_graphql_request", work)
    with connected(url) as connection:
        connection.sendall((post(alice, HOST, LENGTH) + QUERY) * 3)
        assert begun.wait(30)
        reset(connection)
    assert statuses(said(url, END)) == [200]  # the server has seen that the other one went
    gone.set()
    until(lambda: "POST /graphql" in caplog.text, "the end of what was begun")
    assert statuses(said(url, END)) == [200]
    assert {record.levelno for record in caplog.records} == {logging.INFO}
