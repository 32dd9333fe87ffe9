"""Clients that close the connection, or do not read their responses."""

import asyncio
import socket
import time
from collections.abc import Callable

import pytest

from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.http_client import (
    LENGTH,
    QUERY,
    answers,
    asked_by,
    connected,
    held_operations,
    shrink_send_buffers,
)
from todo_graphql.server.protocol import http1, limits
from todo_graphql.store.tasks.transfer import export_pages


def test_client_that_closes_before_its_request_gets_no_response(url: str) -> None:
    with connected(url) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert answers(connection) == b""


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ports of clients whose connections are lost."""
    ports: list[int] = []
    made, end = http1.HTTP1Protocol.connection_made, http1.HTTP1Protocol.connection_lost

    def begun(connection: http1.HTTP1Protocol, transport: asyncio.Transport) -> None:
        made(connection, transport)
        connection.port = transport.get_extra_info("peername")[1]  # type: ignore[attr-defined]

    def noted(connection: http1.HTTP1Protocol, error: Exception | None) -> None:
        end(connection, error)
        ports.append(connection.port)  # type: ignore[attr-defined]

    monkeypatch.setattr(http1.HTTP1Protocol, "connection_made", begun)
    monkeypatch.setattr(http1.HTTP1Protocol, "connection_lost", noted)
    return ports


@pytest.mark.parametrize("leave", [socket.socket.close, lambda it: it.shutdown(socket.SHUT_WR)])
def test_client_that_closes_ends_its_operation(
    url: str,
    alice: Person,
    leave: Callable[[socket.socket], None],
    lost: list[int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A half-close by the client ends the connection."""
    begun, go_on = held_operations(monkeypatch)
    with connected(url) as connection:
        connection.sendall(asked_by(alice, b"POST /graphql", LENGTH) + QUERY)
        assert begun.wait(30)
        port = connection.getsockname()[1]
        leave(connection)
        until(lambda: port in lost, "the end of a connection")
    go_on.set()
    until(lambda: "POST /graphql 499" in caplog.text, "the end of an operation")


@pytest.fixture
def large(alice: Person) -> Person:
    """A user with a million characters in tasks."""
    for _ in range(20):
        alice.create_many(*["x"] * 5, description="x" * 10_000)
    return alice


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small send buffers, and a write timeout of half a second."""
    shrink_send_buffers(monkeypatch)
    monkeypatch.setattr(export_pages, "EXPORT_PAGE_SIZE", 5)
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(limits, "WRITE_STALL_SECONDS", 0.5)


@pytest.mark.usefixtures("narrow")
def test_stalled_reader_of_an_export_is_disconnected(
    url: str, large: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(url, room=4_096) as connection:
        connection.sendall(asked_by(large, b"GET /export"))
        until(lambda: "GET /export 499" in caplog.text, "the end of an export")


PAGE = b'{"query": "{ tasks(first: 100) { nodes { description } } }"}'


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("more", [(), (b"Connection: close",)], ids=["kept", "closed"])
def test_stalled_reader_of_a_page_is_disconnected(
    url: str, large: Person, more: tuple[bytes, ...], lost: list[int]
) -> None:
    """The transport buffers the whole response."""
    with connected(url, room=4_096) as connection:
        length = b"Content-Length: %d" % len(PAGE)
        connection.sendall(asked_by(large, b"POST /graphql", length, *more) + PAGE)
        port = connection.getsockname()[1]
        until(lambda: port in lost, "the end of a connection")
        assert len(answers(connection)) < 1_000_000


@pytest.mark.usefixtures("narrow")
def test_slow_reader_gets_the_whole_export(url: str, large: Person) -> None:
    """The export takes longer than the write timeout."""
    with connected(url, room=4_096) as connection:
        connection.sendall(asked_by(large, b"GET /export", b"Connection: close"))
        response = b""
        while piece := connection.recv(20_000):
            response += piece
            time.sleep(0.01)
    assert response.endswith(b"\r\n0\r\n\r\n")
