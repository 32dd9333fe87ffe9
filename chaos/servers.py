"""Server processes: start, readiness, memory, kill and stop of `serve`."""

import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

import psutil

from todo_graphql.settings.settings import ConfigurationError

TIMEOUT_SECONDS = 60
"""The limit of each wait."""

POLL_SECONDS = 0.02
"""The interval of polls, and so the resolution of all times."""

Found = TypeVar("Found")


class StuckError(Exception):
    """A wait has timed out, so that the experiment cannot continue."""


class Server:
    """A `serve` process, which keeps its port across restarts."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], log: Path, port: int
    ) -> None:
        self.port = port
        self._command = [sys.executable, *command, "--port", str(port)]
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, without waiting until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, without a shell
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C stops this process, which stops the server
            )

    def await_ready(self) -> float:
        """Wait until the server is ready, and return the time."""
        until(lambda: self.is_ready() or self._has_ended(), "The server is not ready.")
        return time.monotonic()

    def _has_ended(self) -> bool:
        if self._process is not None and self._process.poll() is None:
            return False
        raise ConfigurationError(f"The server ended: {self._log.read_text()[-400:]}")

    def is_ready(self) -> bool:
        """Return whether the readiness check succeeds."""
        with closing(self.connection()) as connection:
            return responds_ready(connection)

    def connection(self) -> http.client.HTTPConnection:
        """Return an HTTP connection, which one of the workers accepts."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes, forked or spawned by multiprocessing."""
        own = command_line(self.process)
        children = [(child, command_line(child)) for child in self.process.children()]
        return [child for child, words in children if words == own or "spawn_main" in str(words)]

    def processes(self) -> list[psutil.Process]:
        """Return the process and all its descendants."""
        return [self.process, *self.process.children(recursive=True)]

    def memory(self) -> int:
        """Return the resident memory of all processes, in bytes."""
        return sum(process.memory_info().rss for process in self.processes())

    def kill(self) -> None:
        """Send SIGKILL to all processes."""
        for process in self.processes():
            process.kill()
        self.wait()

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.terminate()

    def wait(self) -> int:
        """Wait for the exit and return its code."""
        assert self._process is not None
        return self._process.wait(TIMEOUT_SECONDS)

    def stop(self) -> None:
        """Terminate the process, and kill its descendants."""
        if self._process is None or self._process.poll() is not None:
            return
        processes = self.processes()
        self.terminate()
        try:
            self.wait()
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()


def until(condition: Callable[[], Found | None], what: str) -> Found:
    """Poll the condition until its result is true, and return it. Raise StuckError on timeout."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise StuckError(what)
        time.sleep(POLL_SECONDS)
    return found


def responds_ready(connection: http.client.HTTPConnection) -> bool:
    """Return whether the server at the other end responds as ready."""
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def command_line(process: psutil.Process) -> list[str]:
    """Return the command line of a process, or an empty list if it has exited."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []
