"""The opening handshake of a WebSocket (RFC 6455, section 4), which HTTP1Protocol has parsed."""

from http import HTTPStatus

from starlette.types import Scope
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

ON_AUTHENTICATED = "todo_graphql.on_authenticated"
"""The key, in the extensions of the ASGI scope, of the call that tells the connection that its
client has a valid token.
"""


class InvalidHandshakeError(ValueError):
    """The request is no valid handshake. The response has this status."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def handshake_response(scope: Scope) -> Response:
    """Return the response that accepts a handshake, without a subprotocol.

    Raises InvalidHandshakeError.
    """
    headers = Headers((name.decode(), value.decode("latin-1")) for name, value in scope["headers"])
    frames = ServerProtocol()
    response = frames.accept(Request("/", headers, protocol=f"HTTP/{scope['http_version']}"))
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        raise InvalidHandshakeError(HTTPStatus(response.status_code), str(frames.handshake_exc))
    return response


def websocket_scope(scope: Scope) -> Scope:
    """Return the ASGI scope of a WebSocket, from that of its request."""
    offered = [value for name, value in scope["headers"] if name == b"sec-websocket-protocol"]
    names = [name.strip() for value in offered for name in value.decode("latin-1").split(",")]
    rest = {key: value for key, value in scope.items() if key != "method"}
    return {**rest, "type": "websocket", "scheme": "ws", "subprotocols": names}
