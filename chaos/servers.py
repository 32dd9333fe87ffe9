"""Servers: `serve` as processes of their own, and what they are doing."""

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

PATIENCE = 60
"""Seconds after which what should have happened will not."""

PAUSE = 0.02
"""Seconds between two looks at whether it has: no time is told more exactly."""

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
        """Those that do its work: forks of it, or what multiprocessing has spawned for it."""
        own = words_of(self.process)
        children = [(child, words_of(child)) for child in self.process.children()]
        return [child for child, words in children if words == own or "spawn_main" in str(words)]

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
