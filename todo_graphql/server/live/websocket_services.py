"""Services that the WebSockets of one process share, and the limit on their number."""

from collections.abc import Sequence
from typing import NamedTuple

from todo_graphql.server.auth.dependency import ContextGetter
from todo_graphql.server.http.unsent_responses import UnsentResponses
from todo_graphql.server.live import limits
from todo_graphql.server.live.streams import LiveStreams
from todo_graphql.server.live.websocket_messages import Close, CloseCode, SocketClosed
from todo_graphql.server.observability.request_record import Observer
from todo_graphql.server.operation_runner import OperationRunner
from todo_graphql.server.slots import Slots


def require_socket_slot(own: int, total: int) -> None:
    """Raise SocketClosed if these open WebSockets leave no slot."""
    if own >= limits.MAX_USER_SOCKETS:
        raise SocketClosed(Close(CloseCode.TRY_AGAIN_LATER, "You have too many WebSockets."))
    if total >= limits.MAX_SOCKETS:
        raise SocketClosed(Close(CloseCode.TRY_AGAIN_LATER, "Too many WebSockets are open."))


class SocketServices(NamedTuple):
    """The long-lived objects that WebSockets use."""

    runner: OperationRunner
    get_context: ContextGetter
    streams: LiveStreams
    unsent: UnsentResponses
    slots: Slots
    observers: Sequence[Observer]
