"""Statistics of live streams: of each stream for the log, and of the process for metrics."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum


class StreamEnd(Enum):
    """The reasons for which a stream ends."""

    COMPLETED = "completed"
    """The operation has failed in a way that a retry does not mend."""
    DISCONNECTED = "disconnected"
    EXPIRED = "expired"
    """The token is no longer valid: it has expired, or its key was withdrawn."""
    SHUTDOWN = "shutdown"
    TOO_SLOW = "client too slow"
    FAILED = "server failed"
    """An event has failed unexpectedly. Clients subscribe again, unlike after a completion."""


@dataclass(slots=True)
class StreamRecord:
    """The facts about a stream that may be logged."""

    transport: str
    began: float = field(default_factory=time.monotonic)
    events: int = 0
    bytes: int = 0
    end: StreamEnd | None = None

    def log_fields(self) -> dict[str, object]:
        """Return the fields of a log line, without content of the events."""
        return {
            "transport": self.transport,
            "streamSeconds": round(time.monotonic() - self.began, 3),
            "events": self.events,
            "bytes": self.bytes,
            "end": None if self.end is None else self.end.value,
        }


@dataclass(slots=True)
class LiveStatistics:
    """The totals of one process, for use on its event loop."""

    count_streams: Callable[[], int] = lambda: 0
    """The count of open streams, which any thread can call."""
    hints: int = 0
    """The number of hints after which a stream has read. Hints before one read count once."""
    events: int = 0
    empty_reads: int = 0
    """The number of reads that found nothing to send."""
    statements: int = 0
    """The number of statements of all events but the first, which is one of the request."""
    observe_delay: Callable[[float], None] = lambda _seconds: None
    """The receiver of the seconds from the arrival of a hint in this process to the event that was
    sent. Events without a hint are left out.
    """

    @property
    def streams(self) -> int:
        """The number of open streams."""
        return self.count_streams()
