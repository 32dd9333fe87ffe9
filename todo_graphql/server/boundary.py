"""What every request passes first and every response last: its id, its log line, the headers
that protect whoever reads it, and the net under everything else.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from math import ceil
from typing import TypeAlias

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo_graphql.errors import OUTCOME_UNKNOWN, Unavailable
from todo_graphql.server.departures import CLIENT_WENT_AWAY, ENDED_AS
from todo_graphql.server.exchanges import Exchange, current
from todo_graphql.server.problems import problem_response, server_error
from todo_graphql.server.protections import protected

logger = logging.getLogger(__name__)

HEADER = b"x-request-id"

RATE_HEADERS = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")
"""What a user may spend, what is left of it, and the seconds until all of it is there again."""
RATE_HEADER_NAMES = [name.encode() for name in RATE_HEADERS]

Observer: TypeAlias = Callable[[Exchange], None]
"""Is told of every exchange when it is over, on the event loop: it must not wait."""


class Boundary:
    """ASGI middleware, the outermost."""

    def __init__(
        self,
        app: ASGIApp,
        observers: Sequence[Observer],
        cors: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    ) -> None:
        """By `cors` pages of other origins may read what the application answers, and what is
        answered here in its place: without it, they would not learn that the server failed.
        """
        self._app = cors(app)
        self._cors = cors
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange.beginning(scope)
        token = current.set(exchange)
        try:
            await self._answer(exchange, scope, receive, send)
        finally:
            exchange.status = scope.get(ENDED_AS, exchange.status)
            exchange.seconds = time.perf_counter() - exchange.began
            for observe in self._observers:
                observe(exchange)
            current.reset(token)

    async def _answer(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = protected(message.get("headers", ()))
                message["headers"].append((HEADER, exchange.id.encode()))
                message["headers"] += rate_headers(exchange)
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            exchange.status = CLIENT_WENT_AWAY
        except asyncio.CancelledError:
            # The server stops, and has waited long enough for the rest of a request.
            if exchange.status:
                raise
            answer = self._cors(problem_response(Unavailable(last_words(exchange)), scope))
            await answer(scope, receive, send_with_id)
        except Exception:
            logger.exception("A request failed.")
            if exchange.status:
                raise
            await self._cors(server_error(exchange.id, scope))(scope, receive, send_with_id)


def last_words(exchange: Exchange) -> str:
    """For a request that the server does not finish before it ends."""
    if exchange.context is not None and exchange.context.connection.writes:
        return OUTCOME_UNKNOWN
    return "The server stops. Try again in a moment."


def rate_headers(exchange: Exchange) -> list[tuple[bytes, bytes]]:
    """What is left for whoever was charged, or was refused because of it."""
    allowance = exchange.context and exchange.context.allowance
    if not allowance:
        return []
    limit, remaining, reset = RATE_HEADER_NAMES
    return [
        (limit, b"%d" % allowance.limit),
        (remaining, b"%d" % allowance.remaining),
        (reset, b"%d" % max(0, ceil(allowance.resets - time.time()))),
    ]
