"""POST /graphql: the GraphQL endpoint."""

from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from todo_graphql.api.context import Context
from todo_graphql.api.processor_time import call_charged
from todo_graphql.api.schema import REJECTION_COST, GraphQLRequest, Schema
from todo_graphql.errors import BadUserInput
from todo_graphql.server.auth.dependency import ContextGetter
from todo_graphql.server.fair_queue import FairQueue
from todo_graphql.server.http.body import error_codes, parse_graphql_request, read_body, response_to
from todo_graphql.server.http.content_negotiation import response_type
from todo_graphql.server.http.timeouts import run_with_timeout
from todo_graphql.server.http.unsent_responses import RESPONSE_PIECE_BYTES, UnsentResponses
from todo_graphql.server.observability.request_record import RequestRecord, request_record
from todo_graphql.server.readiness import Readiness
from todo_graphql.settings.settings import Settings


class GraphQLEndpoint:
    """An ASGI application that executes the operation of a POST request on a worker thread.

    Other methods are not allowed: a query in a URL would appear in logs and caches. GET /graphql
    belongs to GraphiQL, whose route precedes this one. The choice of an ASGI endpoint is explained
    in docs/decisions/0002-graphql-as-an-asgi-endpoint.md.
    """

    def __init__(
        self,
        settings: Settings,
        schema: Schema,
        get_context: ContextGetter,
        readiness: Readiness,
        queue: FairQueue,
    ) -> None:
        self._schema = schema
        self._get_context = get_context
        self._readiness = readiness
        self._queue = queue
        self._max_body_bytes = settings.max_body_bytes
        self._timeout = settings.request_timeout
        self._unsent = UnsentResponses(settings.max_response_bytes)
        self._allowed_methods = "GET, HEAD, POST" if settings.graphiql else "POST"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Verify the token, read the body, execute the operation and respond, in this order."""
        if scope["method"] != "POST":
            raise HTTPException(405, headers={"Allow": self._allowed_methods})
        request, record = Request(scope, receive), request_record(scope)
        record.context = context = await self._get_context(request)
        owner = context.viewer.key
        self._unsent.check(owner)
        media_type = response_type(scope)
        body = await read_body(request, self._max_body_bytes)
        call = partial(self._execute, body, context, media_type, record)
        work = self._queue.run(owner, call_charged, context, call)
        response = await run_with_timeout(
            self._timeout, context.connection, work, in_one_transaction=False
        )
        if len(response.body) <= RESPONSE_PIECE_BYTES:
            await response(scope, receive, send)
        else:
            has_written = context.connection.writes > 0
            await self._unsent.send(owner, response, scope, send, must_send=has_written)

    def _execute(
        self, body: bytes, context: Context, media_type: str, record: RequestRecord
    ) -> Response:
        """Parse and execute the request, and serialize its response."""
        request = parse_charged(body, context)
        self._readiness.require_rls_check()
        with context.connection:
            result = self._schema.run(request, context)
            if result.errors:
                record.codes = error_codes(result)
            return response_to(result, media_type)


def parse_charged(body: bytes, context: Context) -> GraphQLRequest:
    """Return the request in a body. Raises BadUserInput, or RateLimited if the budget does not
    cover the rejection.
    """
    try:
        return parse_graphql_request(body)
    except BadUserInput:
        context.charge(REJECTION_COST)
        raise
