"""The limits of live streams in number, time and memory."""

from todo_graphql.errors import RateLimited, Unavailable
from todo_graphql.server.protocol.limits import MinDataRate

MAX_USER_STREAMS = 20
MAX_STREAMS = 1_500
"""The most streams of a process. A quarter of its connections is left to requests."""

RETRY_AFTER_SECONDS = 10

CHECK_SECONDS = 30.0
"""The time after which a stream reads without a hint, which may have been lost. Checks are spread
over the last part of it, so that streams that began together do not read together.
"""
CHECK_SPREAD = 0.25

LOST_HINTS_SECONDS = 10.0
"""The time over which all streams read, after hints may have been lost."""

HEARTBEAT_SECONDS = 12.0
"""The time between two heartbeats. Proxies close connections that are silent for 30 to 60 s."""

EVENT_SECONDS = 0.05
"""The least time between two events of a stream. Hints within it become one event."""

SEND_RATE = MinDataRate(30.0, 10_000)
"""The rate at which a client must read an event."""

MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 30.0
"""The pause after a read that failed, which doubles with each further one."""

MAX_USER_SOCKETS = 20
MAX_SOCKETS = 1_500
"""The most WebSockets of a process that have a user. Others end after INIT_SECONDS."""

INIT_SECONDS = 3.0
"""The time from a WebSocket's handshake to its token."""

MAX_INIT_CHARACTERS = 8_192

MAX_SOCKET_SUBSCRIPTIONS = 20
MAX_SOCKET_OPERATIONS = 8
"""The most operations of a WebSocket that are executed or sent at a time. No further message is
read before one of them has ended.
"""

MAX_ID_CHARACTERS = 256

PING_SECONDS, PONG_SECONDS = 15.0, 15.0
"""The time between two pings, and the one that a client has to send anything after a ping."""

MAX_INLINE_CHARACTERS = 4_096
"""The longest message that is parsed on the event loop. Workers parse others, at a charge."""

MESSAGE_COST, CHARACTERS_PER_COST = 100, 10
"""The cost of a message on the event loop, in microseconds (api/processor_time.py), and the
characters that cost one more.
"""

HANDSHAKE_COST = 2_000
"""The cost of a WebSocket, from its handshake to its token."""

CHARGED_COST = 10_000
"""The cost of messages from which on it is charged."""


def require_stream_slot(own: int, total: int) -> None:
    """Raise a Problem if these open streams leave no slot.

    It is RateLimited if the user has none left, and Unavailable if the process has none.
    """
    if own >= MAX_USER_STREAMS:
        raise RateLimited(
            f"{MAX_USER_STREAMS} subscriptions of yours are open. Close one of them.",
            retry_after=RETRY_AFTER_SECONDS,
        )
    if total >= MAX_STREAMS:
        raise Unavailable(
            "Too many subscriptions are open. Try again in a moment.",
            retry_after=RETRY_AFTER_SECONDS,
        )
