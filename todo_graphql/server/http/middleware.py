"""The outermost middleware: headers, the request log, and the response to unexpected errors.

The headers are the request id, the security headers and the rate limit headers.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from math import ceil

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo_graphql.errors import OUTCOME_UNKNOWN, Unavailable
from todo_graphql.server.http.disconnects import CLIENT_CLOSED_REQUEST
from todo_graphql.server.http.error_responses import problem_response, server_error
from todo_graphql.server.http.security_headers import with_security_headers
from todo_graphql.server.observability.formatters import request_id
from todo_graphql.server.observability.request_record import (
    Observer,
    RequestRecord,
    request_record,
)

logger = logging.getLogger(__name__)

REQUEST_ID_HEADER = b"x-request-id"

RATE_HEADERS = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")
"""The budget of a user, its remainder, and the seconds until the whole budget is available."""
RATE_HEADER_NAMES = [name.encode() for name in RATE_HEADERS]


class RequestMiddleware:
    """ASGI middleware that keeps the record of each request."""

    def __init__(
        self,
        app: ASGIApp,
        observers: Sequence[Observer],
        cors: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    ) -> None:
        """Wrap the application.

        `cors` also wraps the error responses of this middleware, so that pages of other origins can
        read them.
        """
        self._app = cors(app)
        self._cors = cors
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = request_record(scope)
        token = request_id.set(record.id)
        try:
            await self._respond(record, scope, receive, send)
        finally:
            record.seconds = time.perf_counter() - record.began
            for observe in self._observers:
                observe(record)
            request_id.reset(token)

    async def _respond(
        self, record: RequestRecord, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.response_status = message["status"]
                message["headers"] = with_security_headers(message.get("headers", ()))
                message["headers"].append((REQUEST_ID_HEADER, record.id.encode()))
                message["headers"] += rate_headers(record)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            record.abandon(CLIENT_CLOSED_REQUEST)
        except asyncio.CancelledError:
            # The time for a graceful shutdown is over.
            if record.response_status:
                raise
            response = self._cors(problem_response(Unavailable(shutdown_message(record)), scope))
            await response(scope, receive, send_with_headers)
        except Exception:
            logger.exception("A request failed.")
            if record.response_status:
                raise
            await self._cors(server_error(record.id, scope))(scope, receive, send_with_headers)


def shutdown_message(record: RequestRecord) -> str:
    """Return the message for a request that the shutdown interrupts."""
    if record.context is not None and record.context.connection.writes:
        return OUTCOME_UNKNOWN
    return "The server is shutting down. Try again in a moment."


def rate_headers(record: RequestRecord) -> list[tuple[bytes, bytes]]:
    """Return the rate limit headers of a request that was charged or rejected."""
    context = record.context
    if context is None or context.allowance is None:
        return []
    allowance = context.allowance
    limit, remaining, reset = RATE_HEADER_NAMES
    return [
        (limit, b"%d" % allowance.limit),
        (remaining, b"%d" % context.remaining),
        (reset, b"%d" % max(0, ceil(allowance.resets - time.time()))),
    ]
