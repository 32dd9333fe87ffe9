"""A minimal connection pooler in front of PostgreSQL.

It assigns sessions to transactions, as PgBouncer does in transaction mode, or to connections. It
supports only the simple query protocol:
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import os
import socket
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import LifoQueue
from typing import cast

import psycopg2
from pydantic import SecretStr

from tests.support.tap import PORT, QUERY, SOCKET, frame, read_message
from todo_graphql.store.postgres.engine import database_url

REPORTED = ("server_version", "client_encoding", "DateStyle", "standard_conforming_strings")
PATIENCE = 30
"""Seconds that a transaction may wait for a session."""


class Session:
    """A session of PostgreSQL that psycopg2 has opened, used message by message."""

    def __init__(self, url: str) -> None:
        self.driver = psycopg2.connect(url, sslmode="disable")
        self._socket = socket.socket(fileno=os.dup(self.driver.fileno()))
        self._socket.setblocking(True)
        self._stream = self._socket.makefile("rb")

    def answer(self, message: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Send a message, and yield the messages up to ReadyForQuery."""
        self._socket.sendall(message)
        kind = b""
        while kind != b"Z":
            kind, content = self._stream.read(1), read_message(self._stream)
            assert content is not None
            yield kind, content

    def close(self) -> None:
        self._stream.close()
        self._socket.close()
        self.driver.close()


class Pooler(socketserver.ThreadingUnixStreamServer):
    """The server, whose clients share its sessions."""

    def __init__(self, path: Path, sessions: list[Session], *, by_transaction: bool) -> None:
        self.free = LifoQueue[Session]()
        self.by_transaction = by_transaction
        self.reported = sessions[0].driver.info
        for session in sessions:
            self.free.put(session)
        super().__init__(str(path), Client)


class Client(socketserver.StreamRequestHandler):
    """A client's connection."""

    session: Session | None = None

    def handle(self) -> None:
        pooler = cast("Pooler", self.server)
        assert read_message(self.rfile) is not None
        self.greet(pooler)
        while self.rfile.read(1) == QUERY:
            content = read_message(self.rfile)
            assert content is not None
            self.session = self.session or pooler.free.get(timeout=PATIENCE)
            for kind, part in self.session.answer(QUERY + frame(content)):
                if kind == b"Z" and part == b"I" and pooler.by_transaction:
                    self.release()
                self.wfile.write(kind + frame(part))

    def finish(self) -> None:
        """End the transaction of a client that disconnects within one."""
        if self.session is not None:
            list(self.session.answer(QUERY + frame(b"ROLLBACK\0")))
        self.release()
        super().finish()

    def greet(self, pooler: Pooler) -> None:
        """Send PostgreSQL's startup messages, with a cancellation key of the pooler."""
        self.wfile.write(b"R" + frame(bytes(4)))
        for name in REPORTED:
            value = pooler.reported.parameter_status(name)
            self.wfile.write(b"S" + frame(f"{name}\0{value}\0".encode()))
        self.wfile.write(b"K" + frame(b"pool" + bytes(4)) + b"Z" + frame(b"I"))

    def release(self) -> None:
        """Return the session to the pool."""
        if self.session is not None:
            cast("Pooler", self.server).free.put(self.session)
            self.session = None


@contextmanager
def pooled(
    server: SecretStr, sessions: int = 1, *, by_transaction: bool = True
) -> Iterator[SecretStr]:
    """Yield the URL of the database through a pooler with this number of sessions."""
    url = database_url(server)
    direct = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with tempfile.TemporaryDirectory(prefix="pooler-") as folder:
        own = [Session(direct) for _ in range(sessions)]
        pooler = Pooler(Path(folder) / SOCKET, own, by_transaction=by_transaction)
        thread = threading.Thread(target=pooler.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        through = url.set(drivername="postgresql", host="", port=PORT, query={"host": folder})
        try:
            yield SecretStr(through.render_as_string(hide_password=False))
        finally:
            pooler.shutdown()
            thread.join()
            pooler.server_close()
            for session in own:
                session.close()
