"""A socket in front of PostgreSQL that notes what a server asks through it.

It speaks no more of the protocol than it takes to tell one message from the next:
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
"""How the pool asks whether a connection still works."""


@dataclass(frozen=True, slots=True)
class Message:
    """A question, and the number of the connection that it came by."""

    connection: int
    kind: bytes
    sql: str


class Wire(socketserver.ThreadingUnixStreamServer):
    """Passes on everything, both ways, and keeps what clients said."""

    daemon_threads = True

    def __init__(self, path: Path, upstream: URL) -> None:
        self.upstream = upstream
        self.startups: list[dict[str, str]] = []
        """What each connection asked for when it was made."""
        self.messages: list[Message] = []
        super().__init__(str(path), Passage)

    @contextmanager
    def listening(self) -> Iterator[list[Message]]:
        """The messages that come in the meantime, without pings."""
        start, heard = len(self.messages), list[Message]()
        yield heard
        heard += [message for message in self.messages[start:] if message.sql != PING]


class Passage(socketserver.StreamRequestHandler):
    """One client's connection, and its other half to PostgreSQL."""

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
        """Pass the client's messages on until it leaves. Each is noted before it is answered."""
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
    """What follows a length that counts itself; None when the client has left."""
    length = stream.read(4)
    return stream.read(int.from_bytes(length) - 4) if len(length) == 4 else None


def frame(content: bytes) -> bytes:
    """The content with its length before it."""
    return (len(content) + 4).to_bytes(4) + content


def startup_parameters(content: bytes) -> dict[str, str]:
    """The names and values in a StartupMessage, after the protocol's version."""
    words = content[4:].rstrip(b"\0").decode().split("\0")
    return dict(zip(words[::2], words[1::2], strict=True))


def connect_to(url: URL) -> socket.socket:
    """A connection to where libpq would go for this URL."""
    folder = url.query.get("host")
    if isinstance(folder, str) and folder.startswith("/"):
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(f"{folder}/{SOCKET}")
        return upstream
    return socket.create_connection((url.host or "localhost", url.port or PORT))


def pour(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes until one side has had enough; then nobody needs the other."""
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    hang_up(target)


def hang_up(connection: socket.socket) -> None:
    """Tell both sides that nothing more will come, if they are still there."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def tapped(server: SecretStr) -> Iterator[tuple[SecretStr, Wire]]:
    """A URL of the same database that leads through a wire. By a socket in a folder, because
    libpq encrypts nothing there.
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
