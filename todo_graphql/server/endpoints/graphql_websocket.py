"""WebSockets at /graphql: the handshake, and the record of the connection."""

import time

from starlette.websockets import WebSocket, WebSocketDisconnect

from todo_graphql.server.http.content_negotiation import header
from todo_graphql.server.http.cors import AllowedOrigins
from todo_graphql.server.live.websocket import Socket, close
from todo_graphql.server.live.websocket_messages import (
    LEGACY_SUBPROTOCOL,
    SUBPROTOCOL,
    Close,
    CloseCode,
)
from todo_graphql.server.live.websocket_services import SocketServices
from todo_graphql.server.observability.access_log import log_request
from todo_graphql.server.observability.formatters import request_id
from todo_graphql.server.observability.request_record import RequestRecord, request_record

NOT_ALLOWED = "The origin of the page is not allowed: CORS_ORIGINS must contain it."
NOT_ACCEPTABLE = Close(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, f"Use the subprotocol {SUBPROTOCOL}.")


class WebSocketEndpoint:
    """The endpoint of WebSockets.

    Each of their operations has its own record; the log line of the connection has its duration and
    its close code.
    """

    def __init__(self, services: SocketServices, allowed: AllowedOrigins) -> None:
        self._services = services
        self._allowed = allowed

    async def serve(self, websocket: WebSocket) -> None:
        """Serve a client until one side closes the connection."""
        record = request_record(websocket.scope)
        token = request_id.set(record.id)
        try:
            await self._serve(websocket, record)
        except WebSocketDisconnect as disconnect:
            record.close_code = record.close_code or disconnect.code
        finally:
            record.seconds = time.perf_counter() - record.began
            log_request(record)
            request_id.reset(token)

    async def _serve(self, websocket: WebSocket, record: RequestRecord) -> None:
        if not self._is_allowed(websocket):
            record.response_status = 403
            await websocket.close(reason=NOT_ALLOWED)
            return
        record.response_status = 101
        offered = websocket.scope["subprotocols"]
        chosen = next((one for one in (SUBPROTOCOL, LEGACY_SUBPROTOCOL) if one in offered), None)
        await websocket.accept(chosen, [(b"x-request-id", record.id.encode())])
        if chosen == SUBPROTOCOL:
            await Socket(self._services, websocket, record).run()
        else:
            record.close_code = NOT_ACCEPTABLE.code
            await close(websocket, NOT_ACCEPTABLE)

    def _is_allowed(self, websocket: WebSocket) -> bool:
        """Return whether the page may call the API, as for CORS. Other clients send no Origin."""
        origin = header(websocket.scope, b"origin")
        if origin is None or origin in self._allowed:
            return True
        host = origin.partition("://")[2]
        return host != "" and host == header(websocket.scope, b"host")
