"""Requests byte by byte, and connections that end as they should not."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from tests.people import Person

HOST = b"Host: localhost"


def head(*lines: bytes) -> bytes:
    """These lines, and the empty one."""
    return b"\r\n".join([*lines, b"", b""])


def asked_by(person: Person, line: bytes, *lines: bytes) -> bytes:
    """The head of a request of theirs."""
    token = b"Authorization: Bearer " + person.token.encode()
    return head(line + b" HTTP/1.1", HOST, token, b"Content-Type: application/json", *lines)


END = head(b"GET /health/live HTTP/1.1", HOST, b"Connection: close")
"""A request after which the server hangs up."""


@contextmanager
def connected(url: str, room: int | None = None) -> Iterator[socket.socket]:
    """A connection to the server. With `room`, no more than about so many bytes of its answers
    wait to be read.
    """
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as connection:
        connection.settimeout(30)
        if room is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        connection.connect((host, int(port)))
        yield connection


def answers(connection: socket.socket) -> bytes:
    """All that comes until the server says that no more will."""
    with connection.makefile("rb") as file:
        return file.read()


def statuses(said: bytes) -> list[int]:
    """Of these answers."""
    return [int(piece[:3]) for piece in said.split(b"HTTP/1.1 ")[1:]]


def reset(connection: socket.socket) -> None:
    """End it at once, as a machine does that knows nothing of it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
