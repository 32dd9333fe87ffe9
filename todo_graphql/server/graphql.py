"""POST /graphql: what is asked, and the answer."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from todo_graphql.api.context import Context
from todo_graphql.api.schema import Schema
from todo_graphql.config import Settings
from todo_graphql.errors import Problem
from todo_graphql.server import paths
from todo_graphql.server.bodies import read_body, read_question, response_to
from todo_graphql.server.context import ContextGetter, bearer
from todo_graphql.server.deadlines import in_time
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
        work = self._shares.run(context.viewer.id, self._answer, body, context, media_type)
        response = await in_time(self._timeout, context.connection, work, in_one_transaction=False)
        await response(scope, receive, send)

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
