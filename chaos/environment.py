"""The environment of experiments: a durable PostgreSQL, real servers, and client processes."""

import multiprocessing
import os
import secrets
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from pydantic import SecretStr

from chaos.servers import Server
from tests.support.administrators import administrator
from tests.support.ports import free_port
from todo_graphql.dev.demo_user import token_for
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import migrations

P = ParamSpec("P")
T = TypeVar("T")
TOKEN_SECONDS = 86_400
SERVE = ("-m", "todo_graphql", "serve")
CLIENT_PROCESSES = 3
"""Several, so that slow clients do not delay those that measure."""


@dataclass(eq=False)
class User:
    """A user and a valid token."""

    id: str
    token: str


class Deployment:
    """One PostgreSQL for all experiments, and servers on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder / "pg", durable=True)
        self._secret = secrets.token_urlsafe(48)

    def settings(self) -> Settings:
        return Settings.from_environment(
            database_url=self.postgres.url,
            database_url_unpooled=self.postgres.url,
            better_auth_secret=SecretStr(self._secret),
        )

    def server_environment(self, url: SecretStr, given: dict[str, str]) -> dict[str, str]:
        """Return the environment of a server, without settings of the calling shell."""
        ours = {name.upper() for name in Settings.model_fields}
        outside = {name: value for name, value in os.environ.items() if name not in ours}
        own = {"DATABASE_URL": url.get_secret_value(), "BETTER_AUTH_SECRET": self._secret}
        # Few users send as many requests as thousands would.
        return {**outside, **own, "LOG_LEVEL": "WARNING", "RATE_LIMIT": "none", **given}

    @contextmanager
    def serving(
        self,
        *options: str,
        url: SecretStr | None = None,
        command: Sequence[str] = SERVE,
        **given: str,
    ) -> Iterator[Server]:
        """Run a server, and yield it when it is ready. `given` are settings of this server."""
        environment = self.server_environment(url or self.postgres.url, given)
        log = self.folder / "server.log"
        server = Server([*command, *options], environment, log, free_port())
        try:
            server.start()
            server.await_ready()
            yield server
        finally:
            server.stop()

    def administrator(self) -> AbstractContextManager[Connection]:
        """Return an autocommit connection that sees all rows."""
        return administrator(self.settings())

    def query(self, sql: str, *values: object, **named: object) -> list[tuple[Any, ...]]:
        """Run a statement as an administrator and return its rows."""
        with self.administrator() as connection, connection.cursor() as cursor:
            cursor.execute(sql, named or values)
            return cursor.fetchall() if cursor.description else []

    def new_users(self, number: int, name: str = "someone") -> list[User]:
        settings = self.settings()
        viewers = [Viewer(uuid.uuid4(), f"{name}-{n}@example.com") for n in range(number)]
        return [User(str(v.id), token_for(v, settings, TOKEN_SECONDS)) for v in viewers]


@dataclass(frozen=True, slots=True)
class Environment:
    """A deployment, processes for its clients, and a progress bar."""

    deployment: Deployment
    clients: ProcessPoolExecutor
    progress: Callable[[float], None]
    """A callback for the completed fraction of the experiment."""

    def submit(self, job: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> "Future[T]":
        """Run a job in a client process."""
        return self.clients.submit(job, *arguments, **options)

    def steps(self, number: int) -> Iterator[int]:
        """Yield the numbers of equally long steps, and move the progress bar after each."""
        for step in range(number):
            yield step
            self.progress((step + 1) / number)

    def wait(self, seconds: float) -> None:
        """Wait, and move the progress bar meanwhile."""
        for _ in self.steps(max(1, round(seconds))):
            time.sleep(seconds / max(1, round(seconds)))


@contextmanager
def running_deployment() -> Iterator[Deployment]:
    """Run a migrated PostgreSQL in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="todo-chaos-", ignore_cleanup_errors=True) as folder:
        deployment = Deployment(Path(folder))
        try:
            deployment.postgres.start()
            migrations.upgrade(deployment.settings())
            yield deployment
        finally:
            deployment.postgres.stop()


@contextmanager
def running_environment(progress: Callable[[float], None]) -> Iterator[Environment]:
    """Run a deployment and client processes."""
    spawn = multiprocessing.get_context("spawn")
    with (
        running_deployment() as deployment,
        ProcessPoolExecutor(CLIENT_PROCESSES, spawn, ignore_interrupts) as clients,
    ):
        # A process takes a second to start, which must not delay an experiment.
        for client in [clients.submit(import_jobs) for _ in range(CLIENT_PROCESSES)]:
            client.result()
        yield Environment(deployment, clients, progress)


def ignore_interrupts() -> None:
    """Ignore Ctrl-C, which the parent handles: the jobs end by themselves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def import_jobs() -> None:
    """Import the modules of all jobs."""
    for name in ("kills", "shutdown", "stalls", "overload", "isolation", "attacks", "live.writers"):
        import_module(f"chaos.{name}")
    time.sleep(0.5)  # so that no other job goes to the same process
