"""Services that the WebSockets of one process share, and the limit on their number."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from todo_graphql.server.auth.dependency import ContextGetter
from todo_graphql.server.http.unsent_responses import UnsentResponses
from todo_graphql.server.live import limits
from todo_graphql.server.live.streams import LiveStreams
from todo_graphql.server.live.websocket_messages import CloseCode, SocketClosed
from todo_graphql.server.observability.request_record import Observer
from todo_graphql.server.operation_runner import OperationRunner


class SocketLimiter:
    """The open WebSockets of one process that have a user, for use on its event loop."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def slot(self, user: str) -> Iterator[None]:
        """Hold a slot in the `with` block. Raises SocketClosed if there is none."""
        if self._open[user] >= limits.MAX_USER_SOCKETS:
            raise SocketClosed(CloseCode.TRY_AGAIN_LATER, "You have too many WebSockets.")
        if self._open.total() >= limits.MAX_SOCKETS:
            raise SocketClosed(CloseCode.TRY_AGAIN_LATER, "Too many WebSockets are open.")
        self._open[user] += 1
        try:
            yield
        finally:
            self._open[user] -= 1
            if not self._open[user]:
                del self._open[user]


class SocketServices(NamedTuple):
    """The long-lived objects that WebSockets use."""

    runner: OperationRunner
    get_context: ContextGetter
    streams: LiveStreams
    unsent: UnsentResponses
    limiter: SocketLimiter
    observers: Sequence[Observer]
