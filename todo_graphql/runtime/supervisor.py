"""The supervisor of worker processes, which replaces workers that die or hang."""

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

STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

YOUNG_SECONDS = 2.0
"""The age below which a dead worker suggests a crash loop."""

RESTART_PAUSE_SECONDS = 1.0
"""The time between the death of a young worker and the start of its successor."""

CHECK_SECONDS = 1.0
"""The time between two heartbeats of a worker, and between two checks by the supervisor."""

MISSED_CHECKS = 15
"""The consecutive checks without a heartbeat after which a worker is considered hung.

They last longer than any call that holds the interpreter, and than the grace period of a shutdown.
"""

START_CHECKS = 60
"""The limit of checks before the first heartbeat: a start may have to wait for the processor."""

# A forked worker starts in less than a second, because all modules are imported. Imports on a busy
# machine take about five seconds. A fork is safe in a process without threads, as the supervisor
# is. The system libraries of macOS do not support forks.
if sys.platform == "linux":
    CONTEXT = multiprocessing.get_context("fork")
else:
    CONTEXT = multiprocessing.get_context("spawn")


class Heartbeat:
    """A counter in shared memory that the event loop of a worker advances every second.

    The supervisor counts checks, not seconds. A suspended machine or container stops the supervisor
    together with its workers, so that no check takes place meanwhile.
    """

    def __init__(self) -> None:
        self._beats: Any = CONTEXT.RawValue("L", 0)
        self._seen = 0
        self._missed = 0

    def start(self) -> None:
        """Advance the counter regularly in the running event loop."""
        self._beats.value += 1
        asyncio.get_running_loop().call_later(CHECK_SECONDS, self.start)

    def is_missing(self) -> bool:
        """Check for a heartbeat. Return True at the check that reaches the limit."""
        beats = self._beats.value
        self._missed = self._missed + 1 if beats == self._seen else 0
        self._seen = beats
        return self._missed == (MISSED_CHECKS if beats else START_CHECKS)


class Worker(NamedTuple):
    """A started process, its heartbeat, and the time of its start."""

    process: BaseProcess
    heartbeat: Heartbeat
    start_time: float


class Supervisor:
    """A parent of `count` worker processes that run `work`.

    Each worker starts its heartbeat once it is ready. It must exit at SIGTERM, and skip the rest
    of its grace period at a subsequent SIGINT.

    `on_stop` releases the resources of the parent before the workers stop. `on_death` receives the
    process id of each worker that is replaced. The constructor installs the signal handlers.
    """

    def __init__(
        self,
        work: Callable[[Heartbeat], None],
        count: int,
        on_stop: Callable[[], None],
        on_death: Callable[[int], None] | None = None,
    ) -> None:
        self._work = work
        self._count = count
        self._on_stop = on_stop
        self._on_death = on_death
        self._workers: list[Worker] = []
        self._is_stopping = False
        self._lifeline: tuple[Connection, Connection] = CONTEXT.Pipe(duplex=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def run(self) -> None:
        """Run the workers until a signal stops them. Raises SystemExit if one cannot start."""
        for _ in range(self._count):
            self._start_worker()
        next_check = time.monotonic() + CHECK_SECONDS
        while self._workers:
            # A sentinel reports the death of a worker immediately.
            sentinels = [worker.process.sentinel for worker in self._workers]
            wait(sentinels, max(0.0, next_check - time.monotonic()))
            for worker in [worker for worker in self._workers if not worker.process.is_alive()]:
                self._workers.remove(worker)
                self._handle_exit(worker)
            if time.monotonic() >= next_check:
                self._kill_hung_workers()
                next_check = time.monotonic() + CHECK_SECONDS

    def _kill_hung_workers(self) -> None:
        """Kill hung workers, which handle no other signal than SIGKILL."""
        for worker in self._workers:
            if worker.heartbeat.is_missing():
                outcome = "killed" if self._is_stopping else "replaced"
                logger.error("Worker %s does not respond; it is %s.", worker.process.pid, outcome)
                worker.process.kill()

    def _start_worker(self) -> None:
        """Start a worker, unless the supervisor is stopping.

        Signals are blocked meanwhile. A handler of the parent would miss the new worker, and the
        worker must not run that handler.
        """
        previous = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            if not self._is_stopping:
                heartbeat = Heartbeat()
                process = CONTEXT.Process(
                    target=worker_main, args=(self._work, heartbeat, self._lifeline)
                )
                process.start()
                self._workers.append(Worker(process, heartbeat, time.monotonic()))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, previous)

    def _handle_exit(self, worker: Worker) -> None:
        process = worker.process
        if process.exitcode == STARTUP_FAILURE:  # its successors would fail, too
            self._stop()
            raise SystemExit(STARTUP_FAILURE)
        if not self._is_stopping:
            logger.warning("Worker %s died (%s).", process.pid, process.exitcode)
            if self._on_death is not None and process.pid is not None:
                self._on_death(process.pid)
            if time.monotonic() - worker.start_time < YOUNG_SECONDS:
                time.sleep(RESTART_PAUSE_SECONDS)
            self._start_worker()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Stop the workers at the first signal, and forward a later SIGINT to them.

        The first SIGINT becomes SIGTERM: a terminal also sends Ctrl-C to each worker.
        """
        if not self._is_stopping:
            self._stop()
        elif number == signal.SIGINT:
            self._signal_workers(signal.SIGINT)

    def _stop(self) -> None:
        self._is_stopping = True
        self._on_stop()
        self._signal_workers(signal.SIGTERM)

    def _signal_workers(self, number: signal.Signals) -> None:
        for worker in self._workers:
            with suppress(ProcessLookupError):
                os.kill(worker.process.pid or 0, number)


def worker_main(
    work: Callable[[Heartbeat], None],
    heartbeat: Heartbeat,
    lifeline: tuple[Connection, Connection],
) -> None:
    """Run `work` in a new process, and exit with the parent: an orphan would occupy the port."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # `nohup` ignores SIGHUP
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    reader, writer = lifeline
    writer.close()  # only the parent keeps it open
    threading.Thread(target=exit_with_parent, args=(reader,), name="parent", daemon=True).start()
    work(heartbeat)


def exit_with_parent(reader: Connection) -> None:
    """Shut this process down gracefully when the parent's end of the pipe is closed."""
    reader.poll(None)
    os.kill(os.getpid(), signal.SIGTERM)  # the signal wakes the main thread
