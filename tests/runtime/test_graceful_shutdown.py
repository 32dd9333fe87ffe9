"""Graceful shutdown: idle connections and the backlog."""

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
TIMEOUT_SECONDS = 30


@contextmanager
def running(when_ready: Callable[[Server, int], None]) -> Iterator[tuple[Server, int]]:
    """Yield a running server and its port, and stop it afterwards."""
    settings = settings_for(SOMEWHERE)
    ready = threading.Event()
    with listening(settings) as listener:
        port = listener.getsockname()[1]

        def on_ready() -> None:
            when_ready(server, port)
            ready.set()

        config = uvicorn_config(create_app(settings), settings, grace=TIMEOUT_SECONDS)
        server = Server(config, on_ready)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            assert ready.wait(TIMEOUT_SECONDS)
            yield server, port
        finally:
            server.should_exit = True
            thread.join(TIMEOUT_SECONDS)
            assert not thread.is_alive()


def do_nothing(_server: Server, _port: int) -> None:
    """Do nothing when the server is ready."""


def refuses(port: int) -> bool:
    """Return whether the port refuses connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS).close()
    except ConnectionRefusedError:
        return True
    return False


def ask(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    """Send a request, and read the response."""
    connection.request("GET", "/health/live")
    response = connection.getresponse()
    response.read()
    return response


def test_idle_connection_accepts_a_last_request_at_shutdown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request may be in transit when the server is asked to stop."""
    monkeypatch.setattr(limits, "SHUTDOWN_GRACE_SECONDS", TIMEOUT_SECONDS - 5.0)
    with (
        running(do_nothing) as (server, port),
        closing(
            http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        ) as connection,
    ):
        assert ask(connection).getheader("connection") is None
        server.should_exit = True
        until(lambda: refuses(port), "a closed listener")
        last = ask(connection)
        assert (last.status, last.getheader("connection")) == (200, "close")


def test_idle_connection_is_closed_at_shutdown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SHUTDOWN_GRACE_SECONDS", 0.01)
    with (
        running(do_nothing) as (server, port),
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection,
    ):
        connection.sendall(REQUEST)
        assert status(connection) == 200
        server.should_exit = True
        assert connection.recv(1_000) == b""


def test_connection_in_the_backlog_is_served_at_shutdown() -> None:
    """The connection is not accepted yet when the server is asked to stop."""
    clients: list[socket.socket] = []

    def stop_at_once(server: Server, port: int) -> None:
        clients.append(socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS))
        clients[0].sendall(REQUEST)
        server.should_exit = True

    with running(stop_at_once), clients[0] as client:
        assert status(client) == 200


def test_drain_backlog_returns_all_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address), socket.create_connection(address):
            found = drain_backlog(listener)
        assert len(found) == 2
    assert refuses(address[1])
    for client in found:
        client.close()
