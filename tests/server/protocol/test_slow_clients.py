"""Timeouts of slow clients, and clients that are not slow."""

import socket
import threading
import time
from functools import partial

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
    before_operations,
    connected,
    head,
    post,
    said,
    status,
    statuses,
)
from todo_graphql.server.protocol import limits
from todo_graphql.server.protocol.limits import MinDataRate


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests time out within half a second."""
    monkeypatch.setattr(limits, "REQUEST_RATE", MinDataRate(0.3, 10_000))
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.1)


def work_for(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each operation take this time."""
    before_operations(monkeypatch, partial(time.sleep, seconds))


SLOW = {
    "silence": b"",
    "incomplete head": b"GET /health/live HTTP/1.1\r\nHost: x\r\n",
    "empty line": b"\r\n",
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
def test_incomplete_head_times_out(url: str, sent: bytes) -> None:
    assert statuses(said(url, sent)) == [408]


@pytest.mark.usefixtures("impatient")
def test_second_request_of_connection_times_out(url: str) -> None:
    with connected(url) as connection:
        connection.sendall(head(b"GET /health/live HTTP/1.1", HOST))
        assert status(connection) == 200
        connection.sendall(b"\r\n")
        assert status(connection) == 408


@pytest.mark.usefixtures("impatient")
def test_incomplete_body_times_out(url: str, alice: Person) -> None:
    assert statuses(said(url, post(alice, HOST, b"Content-Length: 9") + b"{")) == [408]


@pytest.mark.usefixtures("impatient")
def test_timeout_response_follows_earlier_response(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_for(0.8, monkeypatch)
    whole, begun = post(alice, HOST, LENGTH) + QUERY, post(alice, HOST, b"Content-Length: 9")
    assert statuses(said(url, whole, begun)) == [200, 408]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("body", [b"Content-Length: 9", CHUNKED])
@pytest.mark.parametrize("upgrade", [WEB_SOCKET, H2C], ids=["WebSocket", "HTTP/2"])
def test_upgrade_does_not_extend_body_timeout(
    url: str, alice: Person, body: bytes, upgrade: tuple[bytes, ...]
) -> None:
    with connected(url) as connection:
        connection.sendall(post(alice, HOST, body, *upgrade))
        assert_closed(connection)


@pytest.mark.usefixtures("impatient")
def test_pipelined_request_does_not_extend_body_timeout(url: str, alice: Person) -> None:
    """Both requests arrive in one piece."""
    with connected(url) as connection:
        whole = head(b"GET /health/live HTTP/1.1", HOST)
        connection.sendall(whole + post(alice, HOST, b"Content-Length: 9"))
        assert_closed(connection)


@pytest.mark.usefixtures("impatient")
def test_paused_upload_does_not_time_out(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server pauses reading while the request before is in progress."""
    monkeypatch.setattr(limits, "REQUEST_RATE", MinDataRate(0.3, 1_000_000))
    large = b"[]".ljust(1_000_000)
    length, begun = b"Content-Length: %d" % len(large), threading.Event()

    def work() -> None:
        begun.set()
        time.sleep(0.8)

    before_operations(monkeypatch, work)
    with connected(url) as connection:
        import_ = post(alice, HOST, length, b"Connection: close", path=b"/import")
        connection.sendall(post(alice, HOST, LENGTH) + QUERY + import_)
        assert begun.wait(30)
        connection.sendall(large)
        assert answers(connection).count(b"HTTP/1.1 200 ") == 2


def assert_closed(connection: socket.socket) -> None:
    """Assert that the server closes the connection before the timeout of the socket."""
    connection.settimeout(10)
    answers(connection)


@pytest.mark.usefixtures("impatient")
def test_body_at_minimum_data_rate_is_accepted(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The body takes longer than the grace period."""
    monkeypatch.setattr(limits, "REQUEST_RATE", MinDataRate(0.3, 10))
    with connected(url) as connection:
        connection.sendall(post(alice, HOST, LENGTH, b"Connection: close"))
        for byte in QUERY:
            time.sleep(0.03)
            connection.sendall(bytes([byte]))
        assert status(connection) == 200


@pytest.mark.usefixtures("impatient")
def test_client_that_waits_for_response_does_not_time_out(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does an idle connection before its next request."""
    work_for(0.6, monkeypatch)
    with connected(url) as connection:
        connection.sendall(post(alice, HOST, LENGTH) + QUERY)
        assert status(connection) == 200
        time.sleep(0.6)
        connection.sendall(END)
        assert status(connection) == 200
