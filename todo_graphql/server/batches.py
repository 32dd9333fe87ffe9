"""Writing the log without holding up the event loop."""

import logging
import threading
import time
from collections import deque
from contextlib import suppress

PAUSE = 0.05
"""Seconds for which lines are gathered before they are written together."""

MOST_LINES = 50_000
"""How many wait where nobody reads them. After that the oldest are lost."""


class BatchHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes lines some at a time, on a thread of its own; warnings, and all before them, at once.

    To write is to wait for whoever reads, and to let another thread go first: a line for each
    request took a fifth of the processor time that its answer took. What was gathered is written
    when the process ends, unless it is killed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._due = threading.Event()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line; whoever logs holds this handler's lock."""
        try:
            self._lines.append(self.format(record) + self.terminator)
        except Exception:  # noqa: BLE001 - logging has its own way to tell of it
            self.handleError(record)
        if record.levelno >= logging.WARNING:
            self.flush()
        elif not self._due.is_set():
            self._due.set()
            if self._thread is None:
                self._start()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._write_on, name="log", daemon=True)
        self._thread.start()

    def _write_on(self) -> None:
        while self._due.wait():
            time.sleep(PAUSE)
            self._due.clear()
            self.flush()

    def flush(self) -> None:
        """Write what there is. Lines stay in their order."""
        with self._writing:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            # Where the reader has gone there is nobody to tell of it.
            with suppress(OSError, ValueError):
                if lines:
                    self.stream.write("".join(lines))
                    self.stream.flush()
