"""Clients that take their time: what each thing may take, and what is not slow."""

import socket
import threading
import time

import pytest

from tests.support.api_client import Person
from tests.support.http_client import (
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
    said,
    status,
    statuses,
)
from todo_graphql.api.schema import GraphQLRequest
from todo_graphql.server.http.body import parse_graphql_request
from todo_graphql.server.protocol import limits
from todo_graphql.server.protocol.limits import MinDataRate


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is given more than half a second."""
    monkeypatch.setattr(limits, "REQUEST_RATE", MinDataRate(0.3, 10_000))
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.1)


def work_for(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each operation take so long."""

    def work(body: bytes) -> GraphQLRequest:
        time.sleep(seconds)
        return parse_graphql_request(body)

    monkeypatch.setattr("todo_graphql.server.endpoints.graphql.parse_graphql_request", work)


SLOW = {
    "a silent one": b"",
    "a head that does not end": b"GET /health/live HTTP/1.1\r\nHost: x\r\n",
    "a trickle of nothing": b"\r\n",
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
def test_whoever_does_not_ask_is_hung_up_on(url: str, sent: bytes) -> None:
    assert statuses(said(url, sent)) == [408]


@pytest.mark.usefixtures("impatient")
def test_the_second_request_of_a_connection_has_no_more_time(url: str) -> None:
    with connected(url) as connection:
        connection.sendall(head(b"GET /health/live HTTP/1.1", HOST))
        assert status(connection) == 200
        connection.sendall(b"\r\n")
        assert status(connection) == 408


@pytest.mark.usefixtures("impatient")
def test_a_body_that_does_not_come_is_not_waited_for(url: str, alice: Person) -> None:
    assert statuses(said(url, post(alice, HOST, b"Content-Length: 9") + b"{")) == [408]


@pytest.mark.usefixtures("impatient")
def test_a_refusal_is_no_answer_to_the_request_before(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That one is being worked on, and answered first."""
    work_for(0.8, monkeypatch)
    whole, begun = post(alice, HOST, LENGTH) + QUERY, post(alice, HOST, b"Content-Length: 9")
    assert statuses(said(url, whole, begun)) == [200, 408]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("body", [b"Content-Length: 9", CHUNKED])
@pytest.mark.parametrize("upgrade", [WEB_SOCKET, H2C], ids=["WebSocket", "HTTP/2"])
def test_a_wish_for_another_protocol_gives_a_body_no_more_time(
    url: str, alice: Person, body: bytes, upgrade: tuple[bytes, ...]
) -> None:
    with connected(url) as connection:
        connection.sendall(post(alice, HOST, body, *upgrade))
        assert_hung_up_on(connection)


@pytest.mark.usefixtures("impatient")
def test_a_request_before_it_gives_a_body_no_more_time(url: str, alice: Person) -> None:
    """Both come in one piece."""
    with connected(url) as connection:
        whole = head(b"GET /health/live HTTP/1.1", HOST)
        connection.sendall(whole + post(alice, HOST, b"Content-Length: 9"))
        assert_hung_up_on(connection)


@pytest.mark.usefixtures("impatient")
def test_a_body_that_nobody_reads_yet_is_not_slow(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request before it takes longer than a client may."""
    monkeypatch.setattr(limits, "REQUEST_RATE", MinDataRate(0.3, 1_000_000))
    large = b"[]".ljust(1_000_000)
    length, begun = b"Content-Length: %d" % len(large), threading.Event()

    def work(body: bytes) -> GraphQLRequest:
        begun.set()
        time.sleep(0.8)
        return parse_graphql_request(body)

    monkeypatch.setattr("todo_graphql.server.endpoints.graphql.parse_graphql_request", work)
    with connected(url) as connection:
        import_ = post(alice, HOST, length, b"Connection: close", path=b"/import")
        connection.sendall(post(alice, HOST, LENGTH) + QUERY + import_)
        assert begun.wait(30)
        connection.sendall(large)
        assert answers(connection).count(b"HTTP/1.1 200 ") == 2


def assert_hung_up_on(connection: socket.socket) -> None:
    """Soon, in any case before the time-out of the socket."""
    connection.settimeout(10)
    answers(connection)


@pytest.mark.usefixtures("impatient")
def test_a_body_that_comes_fast_enough_is_waited_for(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a head would be."""
    monkeypatch.setattr(limits, "REQUEST_RATE", MinDataRate(0.3, 10))
    with connected(url) as connection:
        connection.sendall(post(alice, HOST, LENGTH, b"Connection: close"))
        for byte in QUERY:
            time.sleep(0.03)
            connection.sendall(bytes([byte]))
        assert status(connection) == 200


@pytest.mark.usefixtures("impatient")
def test_whoever_waits_for_an_answer_is_not_slow(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is who has been answered, and rests before the next request."""
    work_for(0.6, monkeypatch)
    with connected(url) as connection:
        connection.sendall(post(alice, HOST, LENGTH) + QUERY)
        assert status(connection) == 200
        time.sleep(0.6)
        connection.sendall(END)
        assert status(connection) == 200
