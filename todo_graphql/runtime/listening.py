"""The socket that clients connect to."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from todo_graphql.server import routes
from todo_graphql.server.sockets import authority, listener_at, reason_of
from todo_graphql.settings.settings import ConfigurationError, Settings


def drain_backlog(listener: socket.socket) -> list[socket.socket]:
    """Close the socket, and answer the clients that have connected and that nobody has taken yet.
    The system would reset their connections with its end, whatever they have sent.
    """
    listener.settimeout(0)
    clients = []
    with listener, suppress(OSError):  # there is no other one
        while True:
            clients.append(listener.accept()[0])
    for client in clients:
        client.settimeout(0)
    return clients


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """A socket on HOST and PORT. Raises ConfigurationError when somebody else has it."""
    try:
        listener = listener_at(settings.host, settings.port)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"Cannot listen on {authority(settings.host, settings.port)} ({reason_of(error)}): "
            "choose another PORT or HOST."
        ) from None
    with listener:
        # asyncio sets this only on sockets that say they are TCP, and Python's do not. Without
        # it each answer waits for the client's delayed acknowledgement: some 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.set_inheritable(True)
        yield listener


def graphql_url(listener: socket.socket) -> str:
    """Where the API is, for somebody on this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://{authority(host, port)}{routes.GRAPHQL}"
