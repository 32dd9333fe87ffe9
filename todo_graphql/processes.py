"""Several processes that do the same, and a parent that replaces those that die."""

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
from typing import NamedTuple

from uvicorn.config import STARTUP_FAILURE

logger = logging.getLogger(__name__)

STOPPING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

YOUNG = 2.0
"""Seconds. Whoever dies before this age would do so again at once."""

PAUSE = 1.0
"""Seconds, after which such a one has a successor all the same."""

# A fork has imported everything already: it works in less than a second, while importing takes
# some five when the others have much to do. It must come from a process without threads, and the
# parent has none. macOS's own libraries forbid it.
if sys.platform == "linux":
    CONTEXT = multiprocessing.get_context("fork")
else:
    CONTEXT = multiprocessing.get_context("spawn")


class Seat(NamedTuple):
    """One of so many, from 0 on, and how many processes have died in it. A successor has the seat
    of the one that it replaces.
    """

    number: int
    deaths: int = 0


class Processes:
    """Processes that carry out `work`, each in a seat of its own. Each must end upon SIGTERM, and
    hurry upon SIGINT then.

    `let_go` lets go of what the parent holds for them, when they are to stop. Signals are taken
    care of as soon as this is made.
    """

    def __init__(
        self, work: Callable[[Seat], None], count: int, let_go: Callable[[], None]
    ) -> None:
        self._work = work
        self._count = count
        self._let_go = let_go
        self._living: dict[BaseProcess, tuple[Seat, float]] = {}
        self._is_stopping = False
        self._lifeline: tuple[Connection, Connection] = CONTEXT.Pipe(duplex=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def run(self) -> None:
        """Until a signal has come and all have ended. Raises SystemExit when one cannot begin."""
        for number in range(self._count):
            self._begin(Seat(number))
        while self._living:
            # One that has died is seen at once. Who asks the living would wait for an answer of
            # one that dies meanwhile.
            wait([process.sentinel for process in self._living])
            for process in [each for each in self._living if not each.is_alive()]:
                seat, birth = self._living.pop(process)
                self._on_end(process, seat, time.monotonic() - birth)

    def _begin(self, seat: Seat) -> None:
        """Another one, unless they are to stop. Signals are held back: a handler would not know
        of it yet, and it must not run ours.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            if not self._is_stopping:
                process = CONTEXT.Process(target=live, args=(self._work, seat, self._lifeline))
                process.start()
                self._living[process] = seat, time.monotonic()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _on_end(self, process: BaseProcess, seat: Seat, age: float) -> None:
        if process.exitcode == STARTUP_FAILURE:  # as its successors would
            self._stop()
            raise SystemExit(STARTUP_FAILURE)
        if not self._is_stopping:
            logger.warning("Worker %s died (%s).", process.pid, process.exitcode)
            if age < YOUNG:
                time.sleep(PAUSE)
            self._begin(Seat(seat.number, seat.deaths + 1))

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
        for process in self._living:
            with suppress(ProcessLookupError):
                os.kill(process.pid or 0, number)


def live(work: Callable[[Seat], None], seat: Seat, lifeline: tuple[Connection, Connection]) -> None:
    """Carry out the work in a process that has just begun, and not longer than its parent lives:
    left alone it would keep the port.
    """
    for number in STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:  # as SIGHUP is under `nohup`
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    ours, parents = lifeline
    parents.close()  # so that nobody but the parent holds it
    threading.Thread(target=end_after, args=(ours,), name="parent", daemon=True).start()
    work(seat)


def end_after(ours: Connection) -> None:
    """Stop this process in good order when the other end is closed, which nobody writes to."""
    ours.poll(None)
    os.kill(os.getpid(), signal.SIGTERM)  # it is for the main thread, which may be asleep
