"""What is no proper HTTP, byte by byte."""

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.people import Person
from todo_graphql.api.schema import Request as Question
from todo_graphql.server import protocol
from todo_graphql.server.bodies import read_question
from todo_graphql.server.protocol import MAX_HEAD_BYTES

QUERY = b'{"query": "{ __typename }"}'
LENGTH = b"Content-Length: %d" % len(QUERY)
CHUNKED = b"Transfer-Encoding: chunked"
CHUNK = b"%x\r\n%b\r\n" % (len(QUERY), QUERY)
HOST = b"Host: localhost"
WEB_SOCKET = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")
# Java's HttpClient asks for this with its first request, whatever its method.
H2C = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAEAAEAA")
MORE = b"x" * MAX_HEAD_BYTES

Build = Callable[..., bytes]


@pytest.fixture
def post(alice: Person) -> Build:
    """The head of a request of Alice's, with these lines besides."""

    def post(*lines: bytes, token: bool = True) -> bytes:
        own = [b"Authorization: Bearer " + alice.token.encode()] if token else []
        return head(b"POST /graphql HTTP/1.1", b"Content-Type: application/json", *own, *lines)

    return post


def head(*lines: bytes) -> bytes:
    """These lines, and the empty one."""
    return b"\r\n".join([*lines, b"", b""])


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    """A connection to the server."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        yield connection


def statuses(url: str, *requests: bytes) -> list[int]:
    """The statuses of all answers. The last request is one after which the server hangs up."""
    with connected(url) as connection:
        connection.sendall(b"".join(requests))
        answers = connection.makefile("rb").read()
    return [int(piece[:3]) for piece in answers.split(b"HTTP/1.1 ")[1:]]


END = head(b"GET /health/live HTTP/1.1", HOST, b"Connection: close")


def test_a_proper_request_is_answered(url: str, post: Build) -> None:
    assert statuses(url, post(HOST, LENGTH), QUERY, END) == [200, 200]
    assert statuses(url, post(HOST, CHUNKED), CHUNK, b"0\r\n\r\n", END) == [200, 200]


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
    url: str, post: Build, lines: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    assert statuses(url, post(*lines), QUERY) == [400]
    assert max(record.levelno for record in caplog.records) == logging.WARNING


@pytest.mark.parametrize(
    "request_line",
    [b"nonsense", b"POST /graphql HTTP/3.7", b"CONNECT x:443 HTTP/1.1", b"\x16\x03\x01"],
)
def test_what_is_no_request_is_refused(url: str, request_line: bytes) -> None:
    assert statuses(url, head(request_line, HOST)) == [400]


def test_an_older_client_names_no_host(url: str) -> None:
    assert statuses(url, head(b"GET /health/live HTTP/1.0")) == [200]


@pytest.mark.parametrize("more", [b"Transfer-Encoding: gzip", CHUNKED], ids=["gzip", "twice"])
def test_chunks_of_something_else_are_refused(url: str, post: Build, more: bytes) -> None:
    assert statuses(url, post(HOST, more, CHUNKED), CHUNK, b"0\r\n\r\n") == [400]


@pytest.mark.parametrize("path", [b"/graphql", b"/import"])
@pytest.mark.parametrize("coding", [b"gzip", b"identity, br"])
def test_a_compressed_body_is_refused(url: str, post: Build, path: bytes, coding: bytes) -> None:
    request = post(HOST, LENGTH, b"Content-Encoding: " + coding).replace(b"/graphql", path)
    assert statuses(url, request, QUERY, END) == [415, 200]


def test_a_body_may_say_that_it_is_not_compressed(url: str, post: Build) -> None:
    assert statuses(url, post(HOST, LENGTH, b"Content-Encoding: Identity"), QUERY, END) == [200] * 2


def test_a_length_of_thousands_of_digits_is_too_long(url: str, post: Build) -> None:
    """Python would not read the number, however small."""
    digits = b"Content-Length: " + b"0" * 5_000 + b"5"
    assert statuses(url, post(HOST, digits)) == [413]


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
    assert statuses(url, request_) == [431]
    with connected(url) as connection:
        connection.sendall(head(b"GET /health/live HTTP/1.1", HOST))
        assert connection.recv(1_000).startswith(b"HTTP/1.1 200 ")
        connection.sendall(request_)
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 431 ")


def test_a_head_may_be_large(url: str) -> None:
    large = b"X-Name: " + b"x" * (MAX_HEAD_BYTES // 2)
    assert statuses(url, head(b"GET /health/live HTTP/1.1", HOST, large), END) == [200, 200]


def test_a_trailer_is_no_header(url: str, post: Build, alice: Person) -> None:
    """Whoever checks headers before this server never saw it."""
    trailer = b"0\r\nAuthorization: Bearer " + alice.token.encode() + b"\r\n\r\n"
    assert statuses(url, post(HOST, CHUNKED, token=False), CHUNK + trailer, END) == [401, 200]


@pytest.mark.parametrize("end", [b"0\r\nX-Name: ", b"0\r\n" + b"X-Name: x\r\n" * 100, b"1;"])
def test_a_body_whose_end_does_not_come_is_given_up(url: str, post: Build, end: bytes) -> None:
    with connected(url) as connection:
        connection.sendall(post(HOST, CHUNKED) + CHUNK)
        with suppress(ConnectionError):  # it hangs up while there is more to be read
            connection.sendall(end + MORE * 10)
            assert connection.recv(100).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("upgrade", [WEB_SOCKET, H2C], ids=["WebSocket", "HTTP/2"])
def test_who_wishes_for_another_protocol_is_answered_in_this_one(
    url: str, post: Build, upgrade: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    whole = post(HOST, LENGTH, *upgrade), QUERY
    chunks = post(HOST, CHUNKED, *upgrade), CHUNK, b"0\r\n\r\n"
    nothing = head(b"GET /health/live HTTP/1.1", HOST, *upgrade)
    assert statuses(url, *whole, *chunks, nothing, END) == [200, 200, 200, 200]
    with connected(url) as connection:
        connection.sendall(whole[0])
        connection.sendall(QUERY[:5])
        connection.sendall(QUERY[5:] + END)
        assert connection.makefile("rb").read().count(b"HTTP/1.1 200 ") == 2
    assert {record.levelno for record in caplog.records} == {logging.INFO}


def test_wishes_are_not_nested(url: str) -> None:
    """However many come at once."""
    wish = head(b"GET /health/live HTTP/1.1", HOST, *H2C)
    assert statuses(url, wish * 2_000, END) == [200] * 2_001


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is given more than half a second."""
    monkeypatch.setattr(protocol, "PATIENCE", 0.3)
    monkeypatch.setattr(protocol, "CHECK", 0.1)


SLOW = {
    "a silent one": b"",
    "a head that does not end": b"GET /health/live HTTP/1.1\r\nHost: x\r\n",
    "a trickle of nothing": b"\r\n",
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
def test_whoever_does_not_ask_is_hung_up_on(url: str, sent: bytes) -> None:
    with connected(url) as connection:
        connection.sendall(sent)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.usefixtures("impatient")
def test_the_second_request_of_a_connection_has_no_more_time(url: str) -> None:
    with connected(url) as connection:
        connection.sendall(head(b"GET /health/live HTTP/1.1", HOST))
        assert connection.recv(1_000).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"\r\n")
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 408 ")


@pytest.mark.usefixtures("impatient")
def test_a_body_that_does_not_come_is_not_waited_for(url: str, post: Build) -> None:
    with connected(url) as connection:
        connection.sendall(post(HOST, b"Content-Length: 9") + b"{")
        answers = connection.makefile("rb").read()
    assert answers.startswith(b"HTTP/1.1 408 ")
    assert answers.count(b"HTTP/1.1 ") == 1


@pytest.mark.usefixtures("impatient")
def test_a_refusal_is_no_answer_to_the_request_before(
    url: str, post: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That one is being worked on, and answered first."""

    def work(body: bytes) -> Question:
        time.sleep(0.8)
        return read_question(body)

    monkeypatch.setattr("todo_graphql.server.graphql.read_question", work)
    two = post(HOST, LENGTH) + QUERY, post(HOST, b"Content-Length: 9")
    assert statuses(url, *two) == [200, 408]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("body", [b"Content-Length: 9", CHUNKED])
@pytest.mark.parametrize("upgrade", [WEB_SOCKET, H2C], ids=["WebSocket", "HTTP/2"])
def test_a_wish_for_another_protocol_gives_a_body_no_more_time(
    url: str, post: Build, body: bytes, upgrade: tuple[bytes, ...]
) -> None:
    with connected(url) as connection:
        connection.sendall(post(HOST, body, *upgrade))
        assert_hung_up_on(connection)


@pytest.mark.usefixtures("impatient")
def test_a_request_before_it_gives_a_body_no_more_time(url: str, post: Build) -> None:
    """Both come in one piece."""
    with connected(url) as connection:
        whole = head(b"GET /health/live HTTP/1.1", HOST)
        connection.sendall(whole + post(HOST, b"Content-Length: 9"))
        assert_hung_up_on(connection)


@pytest.mark.usefixtures("impatient")
def test_a_body_that_nobody_reads_yet_is_not_slow(
    url: str, post: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request before it takes longer than a client may."""
    monkeypatch.setattr(protocol, "MIN_RATE", 10_000_000)
    large = b"[]".ljust(1_000_000)
    length, begun = b"Content-Length: %d" % len(large), threading.Event()

    def work(body: bytes) -> Question:
        begun.set()
        time.sleep(0.8)
        return read_question(body)

    monkeypatch.setattr("todo_graphql.server.graphql.read_question", work)
    with connected(url) as connection:
        import_ = post(HOST, length, b"Connection: close").replace(b"/graphql", b"/import")
        connection.sendall(post(HOST, LENGTH) + QUERY + import_)
        assert begun.wait(30)
        connection.sendall(large)
        assert connection.makefile("rb").read().count(b"HTTP/1.1 200 ") == 2


def assert_hung_up_on(connection: socket.socket) -> None:
    """Soon, in any case before the time-out of the socket."""
    connection.settimeout(10)
    connection.makefile("rb").read()


@pytest.mark.usefixtures("impatient")
def test_a_body_that_comes_fast_enough_is_waited_for(
    url: str, post: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a head would be."""
    monkeypatch.setattr(protocol, "MIN_RATE", 10)
    with connected(url) as connection:
        connection.sendall(post(HOST, LENGTH, b"Connection: close"))
        for byte in QUERY:
            time.sleep(0.03)
            connection.sendall(bytes([byte]))
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("impatient")
def test_whoever_waits_for_an_answer_is_not_slow(url: str) -> None:
    with connected(url) as connection:
        connection.sendall(head(b"GET /health/live HTTP/1.1", HOST))
        time.sleep(0.6)
        connection.sendall(END)
        answers = connection.makefile("rb").read()
    assert answers.count(b"HTTP/1.1 200 ") == 2


def test_a_head_is_measured_also_when_it_comes_in_one_piece(url: str) -> None:
    long = head(b"GET /health/live HTTP/1.1", HOST, b"X: " + MORE)
    with connected(url) as connection:
        connection.sendall(long)
        assert connection.recv(1_000).startswith(b"HTTP/1.1 431 ")


def test_whoever_goes_before_many_answers_is_no_failure(
    url: str, post: Build, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All but the last request would be answered to nobody."""
    begun, gone = threading.Event(), threading.Event()

    def work(body: bytes) -> Question:
        begun.set()
        assert gone.wait(30)
        return read_question(body)

    monkeypatch.setattr("todo_graphql.server.graphql.read_question", work)
    with connected(url) as connection:
        connection.sendall((post(HOST, LENGTH) + QUERY) * 3)
        assert begun.wait(30)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert statuses(url, END) == [200]  # the server has seen that the other one went
    gone.set()
    deadline = time.monotonic() + 30
    while not any("POST /graphql" in record.getMessage() for record in caplog.records):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert statuses(url, END) == [200]
    assert {record.levelno for record in caplog.records} == {logging.INFO}
