"""Requests byte by byte, as no HTTP client would send them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse

from tests.people import Person

HOST = b"Host: localhost"
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


def post(who: Person | None, *lines: bytes, path: bytes = b"/graphql") -> bytes:
    """The head of a request of somebody's, with these lines besides."""
    own = [] if who is None else [b"Authorization: Bearer " + who.token.encode()]
    return head(b"POST %b HTTP/1.1" % path, b"Content-Type: application/json", *own, *lines)


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    """A connection to the server."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        yield connection


def answers(url: str, *requests: bytes) -> bytes:
    """All that is answered. The last request is one after which the server hangs up."""
    with connected(url) as connection:
        connection.sendall(b"".join(requests))
        return connection.makefile("rb").read()


def statuses(url: str, *requests: bytes) -> list[int]:
    """The statuses of all answers."""
    return [int(piece[:3]) for piece in answers(url, *requests).split(b"HTTP/1.1 ")[1:]]


def status(connection: socket.socket) -> int:
    """That of the one answer which comes next. All of it is read, in however many pieces."""
    response = HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status
