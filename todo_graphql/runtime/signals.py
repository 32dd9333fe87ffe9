"""Signals that stop a process: SIGINT, SIGTERM and SIGHUP."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopSignal:
    """Record of the signal that asked this process to stop.

    An exception raised by a handler can get lost, for example in a destructor. So the handler
    only records the signal, and the start-up calls `check` between its steps.
    """

    def __init__(self) -> None:
        self.signal: int | None = None

    def check(self) -> None:
        """Raise SystemExit with the exit code of the signal, if one has arrived."""
        if self.signal is not None:
            raise SystemExit(128 + self.signal)


@contextmanager
def graceful_shutdown() -> Iterator[StopSignal]:
    """Record the signals that stop this process, except while uvicorn handles them."""
    stop = StopSignal()

    def record(number: int, _frame: FrameType | None) -> None:
        stop.signal = number

    def on_hangup(number: int, frame: FrameType | None) -> None:
        if signal.getsignal(signal.SIGTERM) is record:
            record(number, frame)
        else:
            signal.raise_signal(signal.SIGTERM)  # uvicorn does not handle SIGHUP

    before = {number: signal.signal(number, record) for number in (signal.SIGINT, signal.SIGTERM)}
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # `nohup` ignores SIGHUP
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, on_hangup)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
