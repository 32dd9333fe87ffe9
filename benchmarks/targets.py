"""The targets of the benchmark: their commands, start and stop."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import make_url

from benchmarks.dataset import CACHE
from benchmarks.workloads import BASELINE, GRAPHQL, OURS, POSTGRAPHILE, OperationFactory
from tests.support.ports import free_port
from todo_graphql.settings.settings import ConfigurationError, Settings

ROOT = Path(__file__).parents[1]
POSTGRAPHILE_SOURCE = Path(__file__).parent / "postgraphile"
POSTGRAPHILE_HOME = CACHE / "postgraphile"
START_SECONDS = 60
STOP_SECONDS = 15
INSTALL_SECONDS = 300


class AbsentError(Exception):
    """A target is not available on this machine."""


def no_preparation() -> None:
    """Do nothing: most targets need no installation."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server: its command, its supported operations and its description."""

    name: str
    title: str
    command: Sequence[str]
    operations: Mapping[str, OperationFactory]
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = no_preparation
    folder: Path = ROOT


@dataclass(frozen=True, slots=True)
class Server:
    """A running target."""

    target: Target
    port: int
    pid: int


def variants_of_ours() -> list[Target]:
    """Return the production command with its default settings and with others."""
    serve = (sys.executable, "-m", "todo_graphql", "serve", "--port", "{port}")
    ours = Target("ours", "todo-graphql serve", serve, OURS)
    unprepared = replace(
        ours,
        name="ours-unprepared",
        title="todo-graphql serve without prepared statements, as behind a pooler",
        environment={"DATABASE_PREPARED_STATEMENTS": "off"},
    )
    reference = replace(
        ours,
        name="ours-reference",
        title="todo-graphql serve with EXECUTOR=reference",
        environment={"EXECUTOR": "reference"},
    )
    return [ours, unprepared, reference]


def targets() -> list[Target]:
    """Return all targets, in the order of the tables."""
    strawberry = f"Strawberry {version('strawberry-graphql')}"
    return [
        *variants_of_ours(),
        Target(
            "tutorial",
            f"{strawberry}, FastAPI {version('fastapi')} and SQLModel {version('sqlmodel')} as in "
            "tutorials, with document caches, without row-level security",
            uvicorn("benchmarks.tutorial_server.app:app"),
            GRAPHQL,
        ),
        Target(
            "baseline",
            f"Starlette {version('starlette')}, psycopg2 and hand-written SQL: no GraphQL",
            uvicorn("benchmarks.baseline:app"),
            BASELINE,
        ),
        Target(
            "postgraphile",
            "PostGraphile 5 on Node, over the same tables and policies",
            (str(POSTGRAPHILE_HOME / "node_modules/.bin/node"), "server.js"),
            POSTGRAPHILE,
            environment={"GRAPHILE_ENV": "production", "NODE_ENV": "production"},
            prepare=install_postgraphile,
            folder=POSTGRAPHILE_HOME,
        ),
    ]


def uvicorn(app: str) -> Sequence[str]:
    """Return the command for one uvicorn process without an access log."""
    options = (
        "--port",
        "{port}",
        "--no-access-log",
        "--log-level",
        "warning",
        "--no-server-header",
    )
    return (sys.executable, "-m", "uvicorn", app, "--ws", "none", *options)


def install_postgraphile() -> None:
    """Install PostGraphile and Node in the versions of package.json.

    Raise AbsentError if that is not possible.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise AbsentError("npm is not installed")
    installed = POSTGRAPHILE_HOME / "installed.json"
    wanted = (POSTGRAPHILE_SOURCE / "package.json").read_text()
    POSTGRAPHILE_HOME.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "server.js"):
        shutil.copyfile(POSTGRAPHILE_SOURCE / name, POSTGRAPHILE_HOME / name)
    if installed.exists() and installed.read_text() == wanted:
        return
    arguments = ("install", "--no-audit", "--no-fund", "--no-package-lock")
    with (POSTGRAPHILE_HOME / "npm.log").open("wb") as log:
        try:
            subprocess.run(  # noqa: S603 - npm, with constant arguments
                [npm, *arguments],
                cwd=POSTGRAPHILE_HOME,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=INSTALL_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            raise AbsentError(f"npm failed to install it (see {relative_path(log.name)})") from None
    installed.write_text(wanted)


def relative_path(path: str) -> str:
    """Return the path relative to the project."""
    return str(Path(path).relative_to(ROOT))


def environment(target: Target, settings: Settings, port: int) -> dict[str, str]:
    """Return the environment of a target, without settings of the calling shell."""
    ours = {name.upper() for name in Settings.model_fields} | {"EXECUTOR"}
    outside = {name: value for name, value in os.environ.items() if name not in ours}
    url = settings.required_database_url().get_secret_value()
    return {
        **outside,
        "DATABASE_URL": url,
        "BETTER_AUTH_SECRET": settings.required_secret().get_secret_value(),
        "POSTGRES_SOCKET_FOLDER": str(make_url(url).query["host"]),
        "LOG_LEVEL": "WARNING",
        "PORT": str(port),
        "RATE_LIMIT": "2000000000/second",  # requests are counted and not rejected
        **target.environment,
    }


@contextmanager
def serving(target: Target, settings: Settings) -> Iterator[Server]:
    """Run a target until the end of the block. Raise AbsentError or ConfigurationError."""
    target.prepare()
    port = free_port()
    log_file = CACHE / f"{target.name}.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own commands, without a shell
            [word.format(port=port) for word in target.command],
            cwd=target.folder,
            env=environment(target, settings, port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C stops this process, which stops the server
        )
    try:
        await_start(process, port, log_file)
        yield Server(target, port, process.pid)
    finally:
        stop(process)


def await_start(process: subprocess.Popen[bytes], port: int, log_file: Path) -> None:
    """Wait until the server accepts connections."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise ConfigurationError(f"A server did not start: see {relative_path(str(log_file))}.")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Terminate the server, and kill it after a timeout."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
