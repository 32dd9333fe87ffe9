"""Where it all happens: a PostgreSQL that loses nothing, and real servers in front of it."""

import http.client
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from pydantic import SecretStr

from todo_graphql.config import ConfigurationError, Settings
from todo_graphql.development import token_for
from todo_graphql.store import migrations
from todo_graphql.store.connection import Viewer
from todo_graphql.store.embedded import EmbeddedPostgres

PATIENCE = 60
"""Seconds after which what should have happened will not."""

PAUSE = 0.02
"""Seconds between two looks at whether it has: no time is told more exactly."""

TOKEN_SECONDS = 86_400
SERVE = ("-m", "todo_graphql", "serve")
Found = TypeVar("Found")


class StuckError(Exception):
    """Something did not happen in time, so that the experiment cannot go on. Says what."""


class Server:
    """`serve` as a process of its own, on a port that it gets again when it is started again."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], log: Path, port: int
    ) -> None:
        self.port = port
        self._command = [sys.executable, *command, "--port", str(port)]
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. It is not ready yet."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, and no shell
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us, and we stop it
            )

    def await_ready(self) -> float:
        """The moment at which it is."""
        until(lambda: self.is_ready() or self._has_ended(), "The server is not ready.")
        return time.monotonic()

    def _has_ended(self) -> bool:
        if self._process is not None and self._process.poll() is None:
            return False
        raise ConfigurationError(f"The server ended: {self._log.read_text()[-400:]}")

    def is_ready(self) -> bool:
        """Whether it says so itself."""
        with closing(self.connection()) as connection:
            return says_ready(connection)

    def connection(self) -> http.client.HTTPConnection:
        """To it, or to the one of its workers that takes it."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    @property
    def process(self) -> psutil.Process:
        """The process that was started."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def workers(self) -> list[psutil.Process]:
        """Those that it has started to do its work: multiprocessing has a helper, too."""
        children = self.process.children(recursive=True)
        return [child for child in children if "spawn_main" in " ".join(words_of(child))]

    def family(self) -> list[psutil.Process]:
        """It and all that it has started."""
        return [self.process, *self.process.children(recursive=True)]

    def memory(self) -> int:
        """What all of them hold, in bytes."""
        return sum(process.memory_info().rss for process in self.family())

    def kill(self) -> None:
        """End it and all that it has started, without a word."""
        for process in self.family():
            process.kill()
        self.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        self.process.terminate()

    def wait(self) -> int:
        """The exit code, once it has ended."""
        assert self._process is not None
        return self._process.wait(PATIENCE)

    def stop(self) -> None:
        """Have it end, whatever state it is in."""
        if self._process is None or self._process.poll() is not None:
            return
        family = self.family()
        self.terminate()
        try:
            self.wait()
        finally:
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    process.kill()


class Home:
    """One PostgreSQL for all experiments, and a way to start servers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder / "pg", durable=True)
        self._secret = secrets.token_urlsafe(48)

    def settings(self, url: SecretStr | None = None) -> Settings:
        """Those of the servers, by the environment."""
        return Settings.from_environment(
            database_url=url or self.postgres.url,
            database_url_unpooled=self.postgres.url,
            better_auth_secret=SecretStr(self._secret),
        )

    def environment(self, url: SecretStr, given: dict[str, str]) -> dict[str, str]:
        """Nothing of what is set outside."""
        ours = {name.upper() for name in Settings.model_fields}
        outside = {name: value for name, value in os.environ.items() if name not in ours}
        own = {"DATABASE_URL": url.get_secret_value(), "BETTER_AUTH_SECRET": self._secret}
        # A few users ask here for what thousands would.
        return {**outside, **own, "LOG_LEVEL": "WARNING", "RATE_LIMIT": "none", **given}

    @contextmanager
    def serving(
        self,
        *options: str,
        url: SecretStr | None = None,
        command: Sequence[str] = SERVE,
        **given: str,
    ) -> Iterator[Server]:
        """A server that is ready, until the end of this. `given` are settings of its own."""
        environment = self.environment(url or self.postgres.url, given)
        log = self.folder / "server.log"
        server = Server([*command, *options], environment, log, free_port())
        try:
            server.start()
            server.await_ready()
            yield server
        finally:
            server.stop()

    def postmaster(self) -> psutil.Process:
        """PostgreSQL's first process."""
        lock = self.postgres.folder / "data" / "postmaster.pid"
        return psutil.Process(int(lock.read_text().splitlines()[0]))

    def processes(self) -> list[psutil.Process]:
        """All of PostgreSQL's."""
        postmaster = self.postmaster()
        return [postmaster, *postmaster.children(recursive=True)]

    def kill_postgres(self) -> None:
        """End PostgreSQL in the middle of whatever it is doing."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """No process of PostgreSQL does anything. Its sockets stay open."""
        processes = self.processes()
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    @contextmanager
    def administrator(self) -> Iterator[Connection]:
        """A connection that sees everybody's rows, and whose statements commit one by one."""
        connection = psycopg2.connect(self.postgres.url.get_secret_value(), connect_timeout=5)
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()

    def query(self, sql: str, *values: object, **named: object) -> list[tuple[Any, ...]]:
        """The rows that an administrator gets."""
        with self.administrator() as connection, connection.cursor() as cursor:
            cursor.execute(sql, named or values)
            return cursor.fetchall() if cursor.description else []

    def people(self, number: int, name: str = "someone") -> list["Person"]:
        """Users whom nobody has seen before."""
        settings = self.settings()
        viewers = [Viewer(uuid.uuid4(), f"{name}-{n}@example.com") for n in range(number)]
        return [Person(str(v.id), token_for(v, settings, TOKEN_SECONDS)) for v in viewers]


class Person:
    """A user, and the token that says so."""

    def __init__(self, own_id: str, token: str) -> None:
        self.id = own_id
        self.token = token


@contextmanager
def home() -> Iterator[Home]:
    """A new one, until the end of this. Nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="todo-chaos-", ignore_cleanup_errors=True) as folder:
        own = Home(Path(folder))
        try:
            own.postgres.start()
            migrations.upgrade(own.settings())
            yield own
        finally:
            own.postgres.stop()


def until(condition: Callable[[], Found | None], what: str) -> Found:
    """Ask until the answer is a true one. Raises StuckError when that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise StuckError(what)
        time.sleep(PAUSE)
    return found


def says_ready(connection: http.client.HTTPConnection) -> bool:
    """Whether the process at its other end is ready."""
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; nothing of one that has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def free_port() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
