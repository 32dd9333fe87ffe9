"""Listening socket of the server, and its backlog of connections."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from todo_graphql.server import routes
from todo_graphql.server.sockets import authority, listener_at, reason_of
from todo_graphql.settings.settings import ConfigurationError, Settings

SEND_BUFFER_BYTES = 262_144
"""The system's buffer for the responses of one connection."""


def drain_backlog(listener: socket.socket) -> list[socket.socket]:
    """Close the socket, and return the connections in its backlog.

    The system would reset them when the socket closes.
    """
    listener.settimeout(0)
    clients = []
    with listener, suppress(OSError):  # raised when the backlog is empty
        while True:
            clients.append(listener.accept()[0])
    for client in clients:
        client.settimeout(0)
    return clients


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """Yield a socket on HOST and PORT. Raises ConfigurationError if they are not available."""
    try:
        listener = listener_at(settings.host, settings.port)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"Cannot listen on {authority(settings.host, settings.port)} ({reason_of(error)}): "
            "choose another PORT or HOST."
        ) from None
    with listener:
        # asyncio sets this only on sockets whose `proto` is TCP, and that of this one is 0. Each
        # response would wait about 40 ms for the client's delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The system would buffer megabytes for a client that does not read.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.set_inheritable(True)
        yield listener


def graphql_url(listener: socket.socket) -> str:
    """Return the URL of the API for clients on this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://{authority(host, port)}{routes.GRAPHQL}"
