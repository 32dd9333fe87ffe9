"""Who takes part, and how each of them is started and stopped."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import make_url

from benchmarks.dataset import CACHE
from benchmarks.workloads import FLOOR, GRAPHQL, POSTGRAPHILE, Ask
from tests.support.ports import free_port
from todo_graphql.settings.settings import ConfigurationError, Settings

ROOT = Path(__file__).parents[1]
POSTGRAPHILE_SOURCE = Path(__file__).parent / "postgraphile"
POSTGRAPHILE_HOME = CACHE / "postgraphile"
START_TIMEOUT = 60
STOP_TIMEOUT = 15
INSTALL_TIMEOUT = 300


class AbsentError(Exception):
    """This contestant cannot take part here. Says why in one sentence."""


def nothing() -> None:
    """Most contestants are there already."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server: what starts it, which questions it understands, and what it is."""

    name: str
    title: str
    command: Sequence[str]
    words: Mapping[str, Ask]
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = nothing
    folder: Path = ROOT


@dataclass(frozen=True, slots=True)
class Server:
    """A contestant that is running."""

    contestant: Contestant
    port: int
    pid: int


def contestants() -> list[Contestant]:
    """All of them, in the order of the tables."""
    strawberry = f"Strawberry {version('strawberry-graphql')}"
    serve = (sys.executable, "-m", "todo_graphql", "serve", "--port", "{port}")
    ours = Contestant("ours", "todo-graphql serve", serve, GRAPHQL)
    reference = Contestant(
        "ours-reference",
        "todo-graphql serve with EXECUTOR=reference",
        serve,
        GRAPHQL,
        environment={"EXECUTOR": "reference"},
    )
    has_executors = "executor" in Settings.model_fields
    return [
        ours,
        *([reference] if has_executors else []),
        Contestant(
            "stock",
            f"{strawberry}, FastAPI {version('fastapi')} and SQLModel {version('sqlmodel')} as in "
            "tutorials, with caches of documents, without row-level security",
            uvicorn("benchmarks.tutorial_server.app:app"),
            GRAPHQL,
        ),
        Contestant(
            "floor",
            f"Starlette {version('starlette')}, psycopg2 and SQL by hand: no GraphQL",
            uvicorn("benchmarks.baseline:app"),
            FLOOR,
        ),
        Contestant(
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
    """One process, which says nothing of single requests: as todo-graphql serves."""
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
    """PostGraphile and a Node that is new enough, in the versions of package.json.

    Raises AbsentError when they cannot be had.
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
                timeout=INSTALL_TIMEOUT,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            raise AbsentError(f"npm could not install it (see {log_name(log.name)})") from None
    installed.write_text(wanted)


def log_name(path: str) -> str:
    """The path as seen from the project."""
    return str(Path(path).relative_to(ROOT))


def environment(contestant: Contestant, settings: Settings, port: int) -> dict[str, str]:
    """The same for all: nothing of what is set outside, and no more log than there must be."""
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
        "RATE_LIMIT": "2000000000/second",  # it is counted all the same, and nobody is refused
        **contestant.environment,
    }


@contextmanager
def serving(contestant: Contestant, settings: Settings) -> Iterator[Server]:
    """The server, for as long as this lasts. Raises AbsentError or ConfigurationError."""
    contestant.prepare()
    port = free_port()
    log_file = CACHE / f"{contestant.name}.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own commands, and no shell
            [word.format(port=port) for word in contestant.command],
            cwd=contestant.folder,
            env=environment(contestant, settings, port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us, and we stop it
        )
    try:
        await_start(process, port, log_file)
        yield Server(contestant, port, process.pid)
    finally:
        stop(process)


def await_start(process: subprocess.Popen[bytes], port: int, log_file: Path) -> None:
    """Wait until the server accepts connections."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise ConfigurationError(f"A server did not start: {log_name(str(log_file))} says why.")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, and end it when it does not."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
