"""The limits of one connection in time and memory."""

from typing import NamedTuple


class MinDataRate(NamedTuple):
    """A grace period, and the bytes per second that a client must average after it."""

    grace_seconds: float
    bytes_per_second: int

    def allowed_seconds(self, transferred: int) -> float:
        """Return the time limit for a client that has sent, or read, this number of bytes."""
        return self.grace_seconds + transferred / self.bytes_per_second


READ_GRACE_SECONDS, MIN_BYTES_PER_SECOND = 8.0, 10_000
REQUEST_RATE = MinDataRate(READ_GRACE_SECONDS, MIN_BYTES_PER_SECOND)  # for a head with its body
UPLOAD_RATE = MinDataRate(8.0, 50_000)  # for the body of an import, of up to 10 MiB
EXPORT_RATE = MinDataRate(30.0, 10_000)  # for the client that reads an export
WRITE_STALL_SECONDS = 30.0  # for a response of which the client reads nothing
CHECK_SECONDS = 1.0  # between checks of all time limits: cheaper than a timer per request

MAX_HEAD_BYTES = 65_536  # for a request line with all header lines, and for trailers
MAX_HEADERS = 200  # header lines of a request, and trailers
MAX_TARGET_BYTES = 8_192  # of a request line: path and query
MAX_FRAMING_BYTES = 131_072  # of chunk headers and trailers, beside one for each byte of the body
MIN_CHUNK_BYTES = 16  # on average
MAX_SHORT_CHUNKS = 4_096  # beyond that average
MAX_BUFFERED_BODY_BYTES = 65_536  # that the application has not received
MAX_CONNECTIONS = 2_000  # of a process; beyond it those that are idle for longest are closed
MAX_PIPELINED_REQUESTS = 8  # behind the request in progress
PIPELINE_PAUSE_SECONDS = 0.005  # before each pipelined request: at most 200 a second
PIPELINED_PIECE_BYTES = 256  # of input with many requests, parsed at once: at most ten requests

LINGER_SECONDS = 30.0
LINGER_BYTES = 33_554_432  # above every body limit: a client can send a whole body before it reads
LATE_CLOSE_SECONDS = 0.5  # replaces LINGER_SECONDS after a 408
SHUTDOWN_GRACE_SECONDS = 0.5  # for another request of an idle connection

MAX_INIT_BYTES = 32_768  # of a WebSocket message before the token: 8,192 characters
MAX_MESSAGE_BYTES = 65_536  # of a WebSocket; thousands of sockets can hold one that is incomplete
MAX_FRAGMENTS = 64  # of a WebSocket message
FRAMES_PER_SECOND = 100  # of a WebSocket on average; input beyond it waits in the client
CONTROL_FRAME_WEIGHT = 10  # frames as which a ping or pong counts
BURST_FRAMES = 400
FRAME_PIECE_BYTES = 256  # of WebSocket input, parsed at once: at most 42 frames
CLOSE_SECONDS = 10.0  # for the closing handshake of a WebSocket, and the bytes before it
