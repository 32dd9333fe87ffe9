"""POST /graphql: what is asked, and the answer."""

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from strawberry.fastapi import GraphQLRouter

from todo_graphql.api.schema import Request as Question
from todo_graphql.api.schema import Schema
from todo_graphql.server.bodies import read_body, read_question, response_to
from todo_graphql.server.context import ContextGetter, HTTPContext
from todo_graphql.server.readiness import Readiness
from todo_graphql.server.workers import Workers


class Router(GraphQLRouter[HTTPContext, None]):
    """Strawberry's router, with the whole operation on one worker thread.

    Strawberry would resolve on the event loop, where one statement would hold up every
    other request. Only POST is kept of its routes: queries over GET end up in logs and
    caches, and GET /graphql is GraphiQL's.
    """

    def __init__(
        self,
        schema: Schema,
        get_context: ContextGetter,
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
