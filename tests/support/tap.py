"""A socket in front of PostgreSQL that records the messages of a server.

It parses the protocol only as far as message boundaries require:
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import socket
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from pydantic import SecretStr
from sqlalchemy import URL

from todo_graphql.store.postgres.engine import database_url

PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"

QUERY = b"Q"
PASSWORD, TERMINATE = b"p", b"X"
PING = "SELECT 1"
"""The statement by which the pool tests a connection."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a client, and the number of its connection."""

    connection: int
    kind: bytes
    sql: str


class Wire(socketserver.ThreadingUnixStreamServer):
    """A proxy that forwards both directions and records the messages of clients."""

    daemon_threads = True

    def __init__(self, path: Path, upstream: URL) -> None:
        self.upstream = upstream
        self.startups: list[dict[str, str]] = []
        """The startup parameters of each connection."""
        self.messages: list[Message] = []
        super().__init__(str(path), Passage)

    @contextmanager
    def listening(self) -> Iterator[list[Message]]:
        """Yield a list that contains the messages of this block at its end, without pings."""
        start, heard = len(self.messages), list[Message]()
        yield heard
        heard += [message for message in self.messages[start:] if message.sql != PING]


class Passage(socketserver.StreamRequestHandler):
    """A client's connection, with its upstream connection to PostgreSQL."""

    def handle(self) -> None:
        wire = cast("Wire", self.server)
        with connect_to(wire.upstream) as upstream:
            back = threading.Thread(target=pour, args=(upstream, self.connection))
            back.start()
            try:
                self.forward(wire, upstream)
            finally:
                hang_up(upstream)
                back.join()

    def forward(self, wire: Wire, upstream: socket.socket) -> None:
        """Forward the client's messages until it disconnects. Record each before forwarding it."""
        number = len(wire.startups)
        content = read_message(self.rfile)
        if content is None:
            return
        wire.startups.append(startup_parameters(content))
        upstream.sendall(frame(content))
        while kind := self.rfile.read(1):
            content = read_message(self.rfile)
            if content is None:
                return
            if kind not in (PASSWORD, TERMINATE):
                wire.messages.append(Message(number, kind, content.rstrip(b"\0").decode()))
            upstream.sendall(kind + frame(content))


def read_message(stream: BufferedIOBase) -> bytes | None:
    """Read a length, which counts itself, and the content. Return None at the end of the stream."""
    length = stream.read(4)
    return stream.read(int.from_bytes(length) - 4) if len(length) == 4 else None


def frame(content: bytes) -> bytes:
    """Prefix the content with its length."""
    return (len(content) + 4).to_bytes(4) + content


def startup_parameters(content: bytes) -> dict[str, str]:
    """Return the names and values in a StartupMessage, after the protocol's version."""
    words = content[4:].rstrip(b"\0").decode().split("\0")
    return dict(zip(words[::2], words[1::2], strict=True))


def connect_to(url: URL) -> socket.socket:
    """Connect to the address that libpq would use for this URL."""
    folder = url.query.get("host")
    if isinstance(folder, str) and folder.startswith("/"):
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(f"{folder}/{SOCKET}")
        return upstream
    return socket.create_connection((url.host or "localhost", url.port or PORT))


def pour(source: socket.socket, target: socket.socket) -> None:
    """Forward data until one side ends, then shut the target down."""
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    hang_up(target)


def hang_up(connection: socket.socket) -> None:
    """Shut both directions of the connection down, if it is still open."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def tapped(server: SecretStr) -> Iterator[tuple[SecretStr, Wire]]:
    """Yield a URL of the database through a recording proxy, and the proxy.

    The proxy listens on a Unix socket, on which libpq does not encrypt.
    """
    url = database_url(server)
    with tempfile.TemporaryDirectory(prefix="wire-") as folder:
        wire = Wire(Path(folder) / SOCKET, url)
        thread = threading.Thread(target=wire.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        through = url.set(drivername="postgresql", host="", port=PORT, query={"host": folder})
        try:
            yield SecretStr(through.render_as_string(hide_password=False)), wire
        finally:
            wire.shutdown()
            thread.join()
            wire.server_close()
