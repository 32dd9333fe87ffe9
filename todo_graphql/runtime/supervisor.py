"""Several processes that do the same, and a parent that replaces those that die or hang."""

import asyncio
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, NamedTuple

from uvicorn.config import STARTUP_FAILURE

logger = logging.getLogger(__name__)

STOPPING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

YOUNG = 2.0
"""Seconds. Whoever dies before this age would do so again at once."""

PAUSE = 1.0
"""Seconds, after which such a one has a successor all the same."""

CHECK_SECONDS = 1.0
"""The time between two heartbeats of a worker, and between two checks of its parent."""

MISSED_CHECKS = 15
"""A worker without a heartbeat in so many checks hangs: more than the longest call that holds the
interpreter, and more than the grace of a shutdown.
"""

START_CHECKS = 60
"""The same before its first heartbeat: a start may have to wait for the processor."""

# A fork has imported everything already: it works in less than a second, while importing takes
# some five when the others have much to do. It must come from a process without threads, and the
# parent has none. macOS's own libraries forbid it.
if sys.platform == "linux":
    CONTEXT = multiprocessing.get_context("fork")
else:
    CONTEXT = multiprocessing.get_context("spawn")


class Heartbeat:
    """A counter in shared memory that the event loop of a worker advances every second.

    The parent counts checks, not seconds. A laptop that sleeps or a container that is paused stops
    the parent together with its workers, and no check takes place meanwhile.
    """

    def __init__(self) -> None:
        self._beats: Any = CONTEXT.RawValue("L", 0)
        self._seen = 0
        self._missed = 0

    def start(self) -> None:
        """Beat from now on, in the event loop that runs."""
        self._beats.value += 1
        asyncio.get_running_loop().call_later(CHECK_SECONDS, self.start)

    def is_missing(self) -> bool:
        """Check for a heartbeat, and return whether this check is one too many without."""
        beats = self._beats.value
        self._missed = self._missed + 1 if beats == self._seen else 0
        self._seen = beats
        return self._missed == (MISSED_CHECKS if beats else START_CHECKS)


class Worker(NamedTuple):
    """A process that has begun, and the moment when it did."""

    process: BaseProcess
    heartbeat: Heartbeat
    birth: float


class Supervisor:
    """Processes that carry out `work`, each with a heartbeat to start as soon as it works. Each
    must end upon SIGTERM, and hurry upon SIGINT then.

    `let_go` lets go of what the parent holds for them, when they are to stop. The parent calls
    `on_death` with the process id of a worker that it replaces. Signals are taken care of as soon
    as this is made.
    """

    def __init__(
        self,
        work: Callable[[Heartbeat], None],
        count: int,
        let_go: Callable[[], None],
        on_death: Callable[[int], None] | None = None,
    ) -> None:
        self._work = work
        self._count = count
        self._let_go = let_go
        self._on_death = on_death
        self._living: list[Worker] = []
        self._is_stopping = False
        self._lifeline: tuple[Connection, Connection] = CONTEXT.Pipe(duplex=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def run(self) -> None:
        """Until a signal has come and all have ended. Raises SystemExit when one cannot begin."""
        for _ in range(self._count):
            self._begin()
        next_check = time.monotonic() + CHECK_SECONDS
        while self._living:
            # The death of a worker is seen at once: it is not asked, as it could not answer.
            sentinels = [worker.process.sentinel for worker in self._living]
            wait(sentinels, max(0.0, next_check - time.monotonic()))
            for worker in [each for each in self._living if not each.process.is_alive()]:
                self._living.remove(worker)
                self._on_end(worker)
            if time.monotonic() >= next_check:
                self._kill_those_that_hang()
                next_check = time.monotonic() + CHECK_SECONDS

    def _kill_those_that_hang(self) -> None:
        """A hung process obeys no other signal. Its end is seen like every other one."""
        for worker in self._living:
            if worker.heartbeat.is_missing():
                end = "killed" if self._is_stopping else "replaced"
                logger.error("Worker %s does not respond; it is %s.", worker.process.pid, end)
                worker.process.kill()

    def _begin(self) -> None:
        """Another one, unless they are to stop. Signals are held back: a handler would not know
        of it yet, and it must not run ours.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            if not self._is_stopping:
                heartbeat = Heartbeat()
                process = CONTEXT.Process(
                    target=worker_main, args=(self._work, heartbeat, self._lifeline)
                )
                process.start()
                self._living.append(Worker(process, heartbeat, time.monotonic()))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _on_end(self, worker: Worker) -> None:
        process = worker.process
        if process.exitcode == STARTUP_FAILURE:  # as its successors would
            self._stop()
            raise SystemExit(STARTUP_FAILURE)
        if not self._is_stopping:
            logger.warning("Worker %s died (%s).", process.pid, process.exitcode)
            if self._on_death is not None and process.pid is not None:
                self._on_death(process.pid)
            if time.monotonic() - worker.birth < YOUNG:
                time.sleep(PAUSE)
            self._begin()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """The second Ctrl-C is passed on, which hurries them. The first would be one as well: a
        terminal sends it to all.
        """
        if not self._is_stopping:
            self._stop()
        elif number == signal.SIGINT:
            self._tell(signal.SIGINT)

    def _stop(self) -> None:
        self._is_stopping = True
        self._let_go()
        self._tell(signal.SIGTERM)

    def _tell(self, number: signal.Signals) -> None:
        for worker in self._living:
            with suppress(ProcessLookupError):
                os.kill(worker.process.pid or 0, number)


def worker_main(
    work: Callable[[Heartbeat], None],
    heartbeat: Heartbeat,
    lifeline: tuple[Connection, Connection],
) -> None:
    """Carry out the work in a process that has just begun, and not longer than its parent lives:
    left alone it would keep the port.
    """
    for number in STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:  # as SIGHUP is under `nohup`
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    ours, parents = lifeline
    parents.close()  # so that nobody but the parent holds it
    threading.Thread(target=exit_with_parent, args=(ours,), name="parent", daemon=True).start()
    work(heartbeat)


def exit_with_parent(ours: Connection) -> None:
    """Stop this process in good order when the other end is closed, which nobody writes to."""
    ours.poll(None)
    os.kill(os.getpid(), signal.SIGTERM)  # it is for the main thread, which may be asleep
