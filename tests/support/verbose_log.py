"""Log of this process, written by both formatters."""

import logging
import queue
import threading

from todo_graphql.server.observability.formatters import JSONFormatter, TextFormatter


class Log(logging.Handler):
    """A handler that collects all records, written by both formatters."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._formatters = (JSONFormatter(), TextFormatter())
        self._lock = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        with self._lock:
            self.lines.put("\n".join(each.format(record) for each in self._formatters))

    def until(self, end: str) -> str:
        """Return the lines up to one that contains `end`."""
        lines: list[str] = []
        while end not in "".join(lines[-1:]):
            lines.append(self.lines.get(timeout=30))
        return "\n".join(lines)
