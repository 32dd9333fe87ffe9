"""What every request passes first and every response last: its id, its log line, and the net
under everything else.
"""

import asyncio
import logging
import re
import time
from contextvars import ContextVar
from random import getrandbits
from urllib.parse import quote

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo_graphql.errors import ErrorCode, Unavailable
from todo_graphql.server.problems import error_response, problem_response

logger = logging.getLogger(__name__)

HEADER = b"x-request-id"
# What a proxy or a client chose is kept when it cannot do harm in a log.
ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

CLIENT_WENT_AWAY = 499
"""What the log says where a client has left before the answer, as other servers' logs do."""

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""The id of the request that is being answered, also on the thread of its operation."""


class Boundary:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = request_id.set(_id_for(scope))
        try:
            await self._answer(scope, receive, send)
        finally:
            request_id.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = (HEADER, request_id.get().encode())
                message["headers"] = [*message.get("headers", ()), own]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = CLIENT_WENT_AWAY
        except asyncio.CancelledError:
            # The server stops, and has waited long enough for the rest of a request.
            if status:
                raise
            stopping = problem_response(Unavailable("The server stops. Try again in a moment."))
            await stopping(scope, receive, send_with_id)
        except Exception:
            logger.exception("A request failed.")
            if status:
                raise
            await _server_error(scope, receive, send_with_id)
        finally:
            _log(scope, status, started)


def _id_for(scope: Scope) -> str:
    """What the first such header says, or a new one."""
    for name, value in scope["headers"]:
        if name == HEADER:
            chosen: bytes = value
            if ACCEPTABLE_ID.fullmatch(chosen):
                return chosen.decode()
            break
    # It guards nothing. A random number of the system's would cost a change of threads: while
    # the event loop asks for one, another thread takes its turn.
    return f"{getrandbits(128):032x}"


def _log(scope: Scope, status: int, started: float) -> None:
    if logger.isEnabledFor(logging.INFO):
        taken = (time.perf_counter() - started) * 1000
        # Quoted again, because a path may hold line breaks once it is unquoted.
        logger.info("%s %s %d %.1f ms", scope["method"], quote(scope["path"]), status, taken)


async def _server_error(scope: Scope, receive: Receive, send: Send) -> None:
    code = ErrorCode.INTERNAL_SERVER_ERROR
    extensions = {"code": code.name, "status": code.status, "requestId": request_id.get()}
    response = error_response("Something went wrong on the server.", extensions)
    await response(scope, receive, send)
