"""POST /graphql: who is asking, what, and the answer."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from strawberry.fastapi import BaseContext, GraphQLRouter

from todo_graphql.api.context import Context
from todo_graphql.api.schema import Request as Question
from todo_graphql.api.schema import Schema
from todo_graphql.errors import InvalidToken, MissingToken
from todo_graphql.server.auth import Authenticator
from todo_graphql.server.bodies import read_body, read_question, response_to
from todo_graphql.server.boundary import request_id
from todo_graphql.server.readiness import Readiness
from todo_graphql.server.workers import Workers
from todo_graphql.store.database import Database

bearer = HTTPBearer(auto_error=False)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


class HTTPContext(Context, BaseContext):
    """The context of an operation that came by HTTP, as Strawberry's router wants it."""


def context_getter(
    authenticator: Authenticator, database: Database
) -> Callable[..., Awaitable[HTTPContext]]:
    """The dependency that turns a request's token into the context of its operation."""

    async def get_context(connection: HTTPConnection, credentials: Credentials) -> HTTPContext:
        if len(connection.headers.getlist("authorization")) > 1:
            raise InvalidToken("There is more than one Authorization header.")
        if credentials is None:
            raise MissingToken("Send a token: `Authorization: Bearer <token>`.")
        viewer = authenticator.viewer_of(credentials.credentials)
        return HTTPContext(viewer, database.connect_as(viewer), request_id.get())

    return get_context


class Router(GraphQLRouter[HTTPContext, None]):
    """Strawberry's router, with the whole operation on one worker thread.

    Strawberry would resolve on the event loop, where one statement would hold up every
    other request. Only POST is kept of its routes: queries over GET end up in logs and
    caches, and GET /graphql is GraphiQL's.
    """

    def __init__(
        self,
        schema: Schema,
        get_context: Callable[..., Awaitable[HTTPContext]],
        *,
        readiness: Readiness,
        workers: Workers,
        max_body_bytes: int,
    ) -> None:
        super().__init__(schema, "/graphql", context_getter=get_context, graphql_ide=None)
        self._schema = schema
        self._readiness = readiness
        self._workers = workers
        self._max_body_bytes = max_body_bytes
        self.routes[:] = [route for route in self.routes if _is_post(route)]

    async def run(  # type: ignore[override]
        self,
        request: Request,
        context: HTTPContext,
        root_value: None = None,  # noqa: ARG002 - Strawberry's routes pass it
    ) -> Response:
        """Read the question, answer it on a worker thread."""
        question = read_question(await read_body(request, self._max_body_bytes))
        return await self._workers.run(self._answer, question, context)

    def _answer(self, question: Question, context: HTTPContext) -> Response:
        self._readiness.require_proof()
        with context.connection:
            return response_to(self._schema.run(question, context))


def _is_post(route: object) -> bool:
    return isinstance(route, APIRoute) and "POST" in (route.methods or ())
