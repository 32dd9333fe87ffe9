"""POST /graphql: what is asked, and the answer."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from todo_graphql.api.context import Context
from todo_graphql.api.schema import Schema
from todo_graphql.config import Settings
from todo_graphql.errors import OUTCOME_UNKNOWN, TOO_LATE, Problem, Unavailable
from todo_graphql.server import paths
from todo_graphql.server.bodies import read_body, read_question, response_to
from todo_graphql.server.context import ContextGetter, bearer
from todo_graphql.server.negotiation import response_type
from todo_graphql.server.problems import problem_response
from todo_graphql.server.readiness import Readiness
from todo_graphql.server.workers import Shares


class Endpoint:
    """An ASGI application, which takes 0.02 ms of processor time for all but the operation.

    The routes of FastAPI and of Strawberry, which solve dependencies and make responses for each
    request, took 0.11 ms. And Strawberry would resolve on the event loop, where one statement
    would hold up every other request.

    Queries over GET end up in logs and caches, and GET /graphql is GraphiQL's.
    """

    def __init__(
        self,
        settings: Settings,
        schema: Schema,
        get_context: ContextGetter,
        readiness: Readiness,
        shares: Shares,
    ) -> None:
        self._schema = schema
        self._get_context = get_context
        self._readiness = readiness
        self._shares = shares
        self._max_body_bytes = settings.max_body_bytes
        self._timeout = settings.request_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Nothing of the body is read before it is known who asks, by the same two steps that
        FastAPI takes for the other routes.
        """
        request = Request(scope, receive)
        context = await self._get_context(request, await bearer(request))
        media_type = response_type(scope)
        body = await read_body(request, self._max_body_bytes)
        response = await self._answer_in_time(body, context, media_type)
        await response(scope, receive, send)

    async def _answer_in_time(self, body: bytes, context: Context, media_type: str) -> Response:
        """After REQUEST_TIMEOUT an operation is given up, wherever it is: PostgreSQL's own
        time-outs do not help when it has stopped altogether.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await self._shares.run(
                    context.viewer.id, self._answer, body, context, media_type
                )
        except TimeoutError:
            context.connection.abort()
            writes = context.connection.writes > 0
            raise Unavailable(OUTCOME_UNKNOWN if writes else TOO_LATE) from None
        except asyncio.CancelledError:  # the server stops, and its threads have to end
            context.connection.abort()
            raise

    def _answer(self, body: bytes, context: Context, media_type: str) -> Response:
        """On a worker thread, from bytes to bytes."""
        question = read_question(body)
        self._readiness.require_proof()
        try:
            with context.connection:
                return response_to(self._schema.run(question, context), media_type)
        finally:
            context.charge_time()


class Shortcut:
    """ASGI middleware, the innermost: takes POST /graphql, which nearly all requests are, straight
    to its endpoint. FastAPI's way there, by its exit stack, its handlers of exceptions and its
    router, takes another 0.03 ms of processor time.
    """

    def __init__(self, app: ASGIApp, endpoint: ASGIApp) -> None:
        self._app = app
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != paths.GRAPHQL or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            await self._endpoint(scope, receive, send)
        except Problem as problem:
            await problem_response(problem, scope)(scope, receive, send)


class OtherMethods:
    """The last route at /graphql, for what neither the shortcut nor GraphiQL takes."""

    def __init__(self, allowed: str) -> None:
        self._allowed = allowed

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        raise HTTPException(405, headers={"Allow": self._allowed})
