"""Signals that ask a process to stop."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopSignal:
    """Remembers the signal that asked this process to stop.

    A handler that raises would get lost now and then: in a destructor, or while psycopg2 is
    imported. What has been started is stopped by whoever looks here before the next step.
    """

    def __init__(self) -> None:
        self.signal: int | None = None

    def check(self) -> None:
        """Raises SystemExit, with the code that shells use for it, once there was a signal."""
        if self.signal is not None:
            raise SystemExit(128 + self.signal)


@contextmanager
def graceful_shutdown() -> Iterator[StopSignal]:
    """Note the signals that stop us, but for those that uvicorn takes care of meanwhile."""
    stop = StopSignal()

    def note(number: int, _frame: FrameType | None) -> None:
        stop.signal = number

    def hang_up(number: int, frame: FrameType | None) -> None:
        if signal.getsignal(signal.SIGTERM) is note:
            note(number, frame)
        else:
            signal.raise_signal(signal.SIGTERM)  # which uvicorn knows, and SIGHUP it does not

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as it is under `nohup`
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, hang_up)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
