"""Clients that say that nothing more will come, and those that do not read."""

import asyncio
import socket
import threading
import time

import pytest

from tests.commands import until
from tests.people import Person
from tests.sockets import HOST, LENGTH, QUERY, answers, asked_by, connected, head, statuses
from todo_graphql.api.schema import Request as Question
from todo_graphql.server.bodies import read_question
from todo_graphql.server.protocol import http1
from todo_graphql.store import exports


def said(url: str, request: bytes) -> bytes:
    """The answers to a client that asks for nothing more."""
    with connected(url) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return answers(connection)


@pytest.mark.parametrize(
    "request_",
    [head(b"GET /health/live HTTP/1.1", HOST), head(b"GET /health/live HTTP/1.0")],
    ids=["1.1", "1.0"],
)
def test_who_asks_for_nothing_more_is_answered(url: str, request_: bytes) -> None:
    assert statuses(said(url, request_)) == [200]


def test_all_that_was_asked_is_answered(url: str, alice: Person) -> None:
    operation = asked_by(alice, b"POST /graphql", LENGTH) + QUERY
    assert statuses(said(url, operation * 3)) == [200, 200, 200]
    assert statuses(said(url, operation + asked_by(alice, b"GET /export"))) == [200, 200]
    assert statuses(said(url, operation + b"GET / HT")) == [200]


def test_who_has_not_asked_yet_gets_nothing(url: str) -> None:
    assert said(url, b"GET / HTTP/1.1\r\n") == b""


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """An operation that has begun, and goes on when it is told to."""
    begun, go_on = threading.Event(), threading.Event()

    def read(body: bytes) -> Question:
        begun.set()
        assert go_on.wait(30)
        return read_question(body)

    monkeypatch.setattr("todo_graphql.server.graphql.read_question", read)
    monkeypatch.setattr(http1, "CHECK_SECONDS", 0.1)
    return begun, go_on


def test_who_waits_long_is_asked_if_still_there(
    url: str, alice: Person, slow: tuple[threading.Event, threading.Event]
) -> None:
    """Once, by an answer that every client passes over."""
    begun, go_on = slow
    with connected(url) as connection:
        connection.sendall(asked_by(alice, b"POST /graphql", LENGTH) + QUERY)
        connection.shutdown(socket.SHUT_WR)
        assert begun.wait(30)
        assert connection.recv(1_000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(30)
        go_on.set()
        assert statuses(answers(connection)) == [200]


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ports of clients whose connections have ended."""
    ports: list[int] = []
    end = http1.HTTP1Protocol.connection_lost

    def noted(connection: http1.HTTP1Protocol, exc: Exception | None) -> None:
        end(connection, exc)
        assert connection._client is not None
        ports.append(connection._client[1])

    monkeypatch.setattr(http1.HTTP1Protocol, "connection_lost", noted)
    return ports


def test_who_has_left_is_found_out(
    url: str,
    alice: Person,
    slow: tuple[threading.Event, threading.Event],
    lost: list[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A whole end looks like half of one at first."""
    begun, go_on = slow
    with connected(url) as connection:
        connection.sendall(asked_by(alice, b"POST /graphql", LENGTH) + QUERY)
        assert begun.wait(30)
        port = connection.getsockname()[1]
    until(lambda: port in lost, "the end of a connection")
    go_on.set()
    until(lambda: "POST /graphql 499" in caplog.text, "the end of an operation")


@pytest.fixture
def large(alice: Person) -> Person:
    """Has a million characters in tasks."""
    for _ in range(20):
        alice.create_many(*["x"] * 5, description="x" * 10_000)
    return alice


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system takes little of what is written, and what nobody takes is soon given up."""
    begin = http1.HTTP1Protocol.connection_made

    def made(connection: http1.HTTP1Protocol, transport: asyncio.Transport) -> None:
        begin(connection, transport)
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)

    monkeypatch.setattr(http1.HTTP1Protocol, "connection_made", made)
    monkeypatch.setattr(exports, "EXPORT_PAGE_SIZE", 5)
    monkeypatch.setattr(http1, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(http1, "WRITE_STALL_SECONDS", 0.5)


@pytest.mark.usefixtures("narrow")
def test_who_does_not_read_an_export_is_given_up(
    url: str, large: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(url, room=4_096) as connection:
        connection.sendall(asked_by(large, b"GET /export"))
        until(lambda: "GET /export 499" in caplog.text, "the end of an export")


PAGE = b'{"query": "{ tasks(first: 100) { nodes { description } } }"}'


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("more", [(), (b"Connection: close",)], ids=["kept", "closed"])
def test_who_does_not_read_a_page_is_given_up(
    url: str, large: Person, more: tuple[bytes, ...], lost: list[int]
) -> None:
    """It has been given to the transport as a whole."""
    with connected(url, room=4_096) as connection:
        length = b"Content-Length: %d" % len(PAGE)
        connection.sendall(asked_by(large, b"POST /graphql", length, *more) + PAGE)
        port = connection.getsockname()[1]
        until(lambda: port in lost, "the end of a connection")
        assert len(answers(connection)) < 1_000_000


@pytest.mark.usefixtures("narrow")
def test_who_reads_slowly_gets_all(url: str, large: Person) -> None:
    """For longer than anybody may take nothing."""
    with connected(url, room=4_096) as connection:
        connection.sendall(asked_by(large, b"GET /export", b"Connection: close"))
        said = b""
        while piece := connection.recv(20_000):
            said += piece
            time.sleep(0.01)
    assert said.endswith(b"\r\n0\r\n\r\n")
