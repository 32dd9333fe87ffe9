"""Nobody's request is cut off when the server stops."""

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from pydantic import SecretStr

from tests.support.commands import until
from tests.support.http_client import HOST, head, status
from tests.support.servers import settings_for
from todo_graphql.runtime.listening import drain_backlog, listening
from todo_graphql.runtime.uvicorn_server import Server, uvicorn_config
from todo_graphql.server.app import create_app
from todo_graphql.server.protocol import limits

SOMEWHERE = SecretStr("postgresql://127.0.0.1:1/nothing")
REQUEST = head(b"GET /health/live HTTP/1.1", HOST)
PATIENCE = 30


@contextmanager
def running(when_ready: Callable[[Server, int], None]) -> Iterator[tuple[Server, int]]:
    """A server and its port. It has to be told to stop, and has ended when this has."""
    settings = settings_for(SOMEWHERE)
    ready = threading.Event()
    with listening(settings) as listener:
        port = listener.getsockname()[1]

        def tell() -> None:
            when_ready(server, port)
            ready.set()

        server = Server(uvicorn_config(create_app(settings), settings, grace=PATIENCE), tell)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            assert ready.wait(PATIENCE)
            yield server, port
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()


def nothing(_server: Server, _port: int) -> None:
    """Only be ready."""


def refuses(port: int) -> bool:
    """Whether nobody listens there any more."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def ask(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    """An answer that has been read."""
    connection.request("GET", "/health/live")
    response = connection.getresponse()
    response.read()
    return response


def test_an_idle_connection_takes_a_last_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which was on its way when the server was told to stop."""
    monkeypatch.setattr(limits, "SHUTDOWN_GRACE_SECONDS", PATIENCE - 5.0)
    with (
        running(nothing) as (server, port),
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection,
    ):
        assert ask(connection).getheader("connection") is None
        server.should_exit = True
        until(lambda: refuses(port), "a closed door")
        last = ask(connection)
        assert (last.status, last.getheader("connection")) == (200, "close")


def test_an_idle_connection_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SHUTDOWN_GRACE_SECONDS", 0.01)
    with (
        running(nothing) as (server, port),
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection,
    ):
        connection.sendall(REQUEST)
        assert status(connection) == 200
        server.should_exit = True
        assert connection.recv(1_000) == b""


def test_who_stands_at_the_door_is_let_in() -> None:
    """Connected, but not taken yet when the server is told to stop."""
    clients: list[socket.socket] = []

    def stop_at_once(server: Server, port: int) -> None:
        clients.append(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
        clients[0].sendall(REQUEST)
        server.should_exit = True

    with running(stop_at_once), clients[0] as client:
        assert status(client) == 200


def test_everybody_at_the_door_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address), socket.create_connection(address):
            found = drain_backlog(listener)
        assert len(found) == 2
    assert refuses(address[1])
    for client in found:
        client.close()
