"""Commands as processes: `todo-graphql` started in a folder, with an environment."""

import contextlib
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import psutil

from tests.support import plain_http
from todo_graphql.dev.postgres import EmbeddedPostgres

PROGRAM = (sys.executable, "-m", "todo_graphql")
PATIENCE = 60
"""Seconds that one step may take on a busy machine."""

AWKWARD = 'it\'s a "folder" of $HOME & `friends`'

Found = TypeVar("Found")


def environment(**settings: str) -> dict[str, str]:
    """Return the environment, which conftest.py has cleared of settings, with these settings."""
    return {**os.environ, **settings}


def run(*arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command and wait until it exits."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def refusal(*arguments: str, folder: Path, **settings: str) -> str:
    """Run a command that exits with 1 and prints one error, and return the error's message."""
    finished = run(*arguments, folder=folder, **settings)
    (line,) = finished.stderr.splitlines()
    assert (finished.returncode, line.startswith("Error: ")) == (1, True), finished
    return line.removeprefix("Error: ")


def until(condition: Callable[[], Found | None], what: str) -> Found:
    """Poll the condition until its result is true, and return it. Fail after PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: the time ran out."
        time.sleep(0.05)
    return found


def processes_about(folder: Path) -> list[list[str]]:
    """Return the command lines of all running processes that name the folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # gone meanwhile
            words = process.cmdline()
            if any(str(folder) in word for word in words):
                found.append(words)
    return found


def mode_of(path: Path) -> int:
    """Return the permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


class Command:
    """A command that runs until it is stopped, and whose output can be read meanwhile."""

    def __init__(self, *arguments: str, folder: Path, **settings: str) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=folder,
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def output(self) -> str:
        """The text that the command has printed so far."""
        # Not by `seek`: the command writes where this file was read last.
        number = self._output.fileno()
        return os.pread(number, os.fstat(number).st_size, 0).decode(errors="replace")

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until the output matches the pattern."""

        def printed() -> re.Match[str] | None:
            ended = self.process.poll() is not None
            found = re.search(pattern, self.output)
            assert found or not ended, f"The command exited without {pattern!r}: {self.output}"
            return found

        return until(printed, f"{pattern!r} in {self.output}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the exit, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()
        self._output.close()


class Service(Command):
    """`serve` or `dev`, after its first response."""

    def __init__(self, *arguments: str, folder: Path, **settings: str) -> None:
        super().__init__(*arguments, folder=folder, **settings)
        try:
            self.url = self.wait_for(r"(http://\S+)/graphql")[1]
            until(self.lives, "an answer")
        except BaseException:
            self.__exit__()
            raise

    def lives(self) -> bool:
        """Return whether the liveness check succeeds."""
        try:
            return self.get("/health/live").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str) -> httpx.Response:
        return plain_http.get(f"{self.url}{path}", timeout=PATIENCE)

    def post(self, document: str, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        body = {"query": document}
        return plain_http.post(f"{self.url}/graphql", json=body, headers=headers, timeout=PATIENCE)


class Dev(Service):
    """`dev` on a free port, after it has printed that it is ready."""

    def __init__(self, folder: Path, **settings: str) -> None:
        super().__init__("dev", "--port", "0", folder=folder, **settings)
        self.wait_for("Ctrl-C stops")
        self.token = self.wait_for(r"\n(eyJ\S+)\n")[1]

    def ask(self, document: str, token: str | None = None) -> Any:
        """Send an operation, assert that it has no errors, and return its data."""
        answer = self.post(document, token or self.token).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def create(self, title: str) -> None:
        """Create a task of the demo user."""
        self.ask('mutation { createTask(input: {title: "%s"}) { task { id } } }' % title)

    def titles(self, token: str | None = None) -> list[str]:
        """Return the titles of the demo user's tasks."""
        tasks = self.ask("{ tasks(first: 100) { nodes { title } } }", token)["tasks"]
        return [task["title"] for task in tasks["nodes"]]


def postmaster_of(folder: Path) -> psutil.Process | None:
    """Return the PostgreSQL that `dev` runs in this folder, or None if there is none."""
    data = folder / ".todo-graphql/postgres/data"
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().split("\n")[0]))
        return process if str(data) in process.cmdline() else None
    except (OSError, ValueError, psutil.Error):
        return None


@contextmanager
def home_of_dev(folder: Path) -> Iterator[Path]:
    """Create the folder for `dev`, and stop a PostgreSQL that is left in it at the end."""
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        EmbeddedPostgres(folder / ".todo-graphql/postgres").stop()
