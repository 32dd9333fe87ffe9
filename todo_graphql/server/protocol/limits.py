"""The limits of one connection in time and memory."""

from typing import NamedTuple


class MinDataRate(NamedTuple):
    """A grace period, and the bytes per second that a sender must average after it."""

    grace_seconds: float
    bytes_per_second: int

    def allowed_seconds(self, received: int) -> float:
        """Return the time that may have passed when this number of bytes has arrived."""
        return self.grace_seconds + received / self.bytes_per_second


READ_GRACE_SECONDS, MIN_BYTES_PER_SECOND = 8.0, 10_000
REQUEST_RATE = MinDataRate(READ_GRACE_SECONDS, MIN_BYTES_PER_SECOND)  # for a head with its body
WRITE_STALL_SECONDS = 30.0  # in which a client takes nothing of a response
CHECK_SECONDS = 1.0  # between checks of all time limits: cheaper than timers for each request

MAX_HEAD_BYTES = 65_536  # for a request line with all header lines, and for trailers
MAX_BUFFERED_BODY_BYTES = 65_536  # that the application has not taken
MAX_PIPELINED_REQUESTS = 8  # that wait behind the one in progress
PIECE_BYTES = 256  # to parse at once of input with many requests: ten of them at most

LINGER_SECONDS = 30.0
LINGER_BYTES = 33_554_432  # more than any accepted body: a client may send all before it reads
LATE_CLOSE_SECONDS = 0.5  # in place of LINGER_SECONDS after a 408
SHUTDOWN_GRACE_SECONDS = 0.5  # for one more request of an idle connection
