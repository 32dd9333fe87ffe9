"""Requests byte by byte, as no HTTP client would send them, and connections that end as they should
not.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse

from tests.support.api_client import Person

HOST = b"Host: localhost"
JSON = b"Content-Type: application/json"
QUERY = b'{"query": "{ __typename }"}'
LENGTH = b"Content-Length: %d" % len(QUERY)
CHUNKED = b"Transfer-Encoding: chunked"
CHUNK = b"%x\r\n%b\r\n" % (len(QUERY), QUERY)
WEB_SOCKET = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")
# Java's HttpClient asks for this with its first request, whatever its method.
H2C = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAEAAEAA")


def head(*lines: bytes) -> bytes:
    """These lines, and the empty one."""
    return b"\r\n".join([*lines, b"", b""])


END = head(b"GET /health/live HTTP/1.1", HOST, b"Connection: close")
"""A request after which the server hangs up."""


def own(who: Person) -> tuple[bytes, ...]:
    """The lines of a head of theirs."""
    return b"Authorization: Bearer " + who.token.encode(), JSON


def post(who: Person | None, *lines: bytes, path: bytes = b"/graphql") -> bytes:
    """The head of a request of somebody's, with these lines besides. Its host is one of them."""
    return head(b"POST %b HTTP/1.1" % path, *(own(who) if who else (JSON,)), *lines)


def asked_by(person: Person, line: bytes, *lines: bytes) -> bytes:
    """The head of a request of theirs, whatever its method, with a host."""
    return head(line + b" HTTP/1.1", HOST, *own(person), *lines)


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


def said(url: str, *requests: bytes) -> bytes:
    """All that is answered. The last request is one after which the server hangs up."""
    with connected(url) as connection:
        connection.sendall(b"".join(requests))
        return answers(connection)


def statuses(whole: bytes) -> list[int]:
    """Of these answers."""
    return [int(piece[:3]) for piece in whole.split(b"HTTP/1.1 ")[1:]]


def status(connection: socket.socket) -> int:
    """That of the one answer which comes next. All of it is read, in however many pieces."""
    response = HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status


def reset(connection: socket.socket) -> None:
    """End it at once, as a machine does that knows nothing of it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
