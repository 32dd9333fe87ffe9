"""Raw HTTP over sockets: malformed requests and abnormal ends of connections."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse

import pytest

from tests.support.api_client import Person
from todo_graphql.api.schema import GraphQLRequest
from todo_graphql.server.http.body import parse_graphql_request
from todo_graphql.server.protocol import http1

HOST = b"Host: localhost"
JSON = b"Content-Type: application/json"
QUERY = b'{"query": "{ __typename }"}'
LENGTH = b"Content-Length: %d" % len(QUERY)
CHUNKED = b"Transfer-Encoding: chunked"
CHUNK = b"%x\r\n%b\r\n" % (len(QUERY), QUERY)
LAST_CHUNK = b"0\r\n\r\n"
LIVE = b"GET /health/live HTTP/1.1"
WEB_SOCKET = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")
# Java's HttpClient asks for this with its first request, whatever its method.
H2C = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAEAAEAA")


def head(*lines: bytes) -> bytes:
    """Join the lines of a request's head, and add the empty line."""
    return b"\r\n".join([*lines, b"", b""])


END = head(b"GET /health/live HTTP/1.1", HOST, b"Connection: close")
"""A request after which the server closes the connection."""


def own(who: Person) -> tuple[bytes, ...]:
    """Return the header lines that authenticate the user."""
    return b"Authorization: Bearer " + who.token.encode(), JSON


def post(who: Person | None, *lines: bytes, path: bytes = b"/graphql") -> bytes:
    """Return the head of a POST request with these lines, which include the Host."""
    return head(b"POST %b HTTP/1.1" % path, *(own(who) if who else (JSON,)), *lines)


def asked_by(person: Person, line: bytes, *lines: bytes) -> bytes:
    """Return the head of the user's request with a Host and these lines."""
    return head(line + b" HTTP/1.1", HOST, *own(person), *lines)


def shrink_send_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit the system's buffers for responses of servers in this process."""
    begin = http1.HTTP1Protocol.connection_made

    def made(connection: http1.HTTP1Protocol, transport: asyncio.Transport) -> None:
        begin(connection, transport)
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)

    monkeypatch.setattr(http1.HTTP1Protocol, "connection_made", made)


@contextmanager
def connected(url: str, room: int | None = None) -> Iterator[socket.socket]:
    """Yield a connection to the server. `room` limits the bytes in its receive buffer."""
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as connection:
        connection.settimeout(30)
        if room is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        connection.connect((host, int(port)))
        yield connection


def answers(connection: socket.socket) -> bytes:
    """Read until the server closes its side."""
    with connection.makefile("rb") as file:
        return file.read()


def said(url: str, *requests: bytes) -> bytes:
    """Send requests and return all bytes of the responses. The last request must be END."""
    with connected(url) as connection:
        connection.sendall(b"".join(requests))
        return answers(connection)


def statuses(whole: bytes) -> list[int]:
    """Return the status codes of these responses."""
    return [int(piece[:3]) for piece in whole.split(b"HTTP/1.1 ")[1:]]


def status(connection: socket.socket) -> int:
    """Read the whole next response and return its status code."""
    response = HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status


def reset(connection: socket.socket) -> None:
    """Close the connection by a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def body_of(response: bytearray) -> bytes | None:
    """Return the body of a complete response, or None while a part of it is missing."""
    head, end, rest = response.partition(b"\r\n\r\n")
    if not end:
        return None
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return bytes(rest) if len(rest) >= int(line[15:]) else None
    return bytes(rest) if rest.endswith(b"0\r\n\r\n") else None  # in chunks


def before_operations(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Call a function on the thread of each operation, before the operation is parsed."""

    def parse(body: bytes) -> GraphQLRequest:
        act()
        return parse_graphql_request(body)

    monkeypatch.setattr("todo_graphql.server.endpoints.graphql.parse_graphql_request", parse)


def held_operations(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Hold each operation. Return the event that one has begun, and the one that releases them."""
    begun, released = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert released.wait(30)

    before_operations(monkeypatch, hold)
    return begun, released
