"""GET and POST /graphql: the GraphQL endpoint."""

from collections.abc import Hashable
from functools import cache, partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from todo_graphql.api.context import Context
from todo_graphql.api.sync.live_reads import LiveRead
from todo_graphql.server import routes
from todo_graphql.server.auth.dependency import ContextGetter
from todo_graphql.server.endpoints.graphiql import GraphiQLPage
from todo_graphql.server.http.body import (
    parse_graphql_request,
    parse_url_request,
    read_body,
    response_to,
)
from todo_graphql.server.http.body_budget import BodyBudget
from todo_graphql.server.http.chunks import require_chunks
from todo_graphql.server.http.content_negotiation import header, response_type
from todo_graphql.server.http.disconnects import wait_for_disconnect
from todo_graphql.server.http.unsent_responses import RESPONSE_PIECE_BYTES, UnsentResponses
from todo_graphql.server.live.event_reader import Event
from todo_graphql.server.live.framings import Framing, accepted_framing
from todo_graphql.server.live.http_streams import HTTPSink, respond_by_stream
from todo_graphql.server.live.stream import Subscriber, stream_request
from todo_graphql.server.live.streams import LiveStreams
from todo_graphql.server.observability.request_record import request_record
from todo_graphql.server.operation_runner import OperationRunner, Parse, Turn
from todo_graphql.server.thread_pool import Job
from todo_graphql.settings.settings import Settings


class GraphQLEndpoint:
    """An ASGI application that executes the operation of a request on a worker thread.

    GET and HEAD execute queries only. A page of another site cannot make a browser send the token,
    as it could with a cookie, so GET is no risk of cross-site request forgery. The choice of an
    ASGI endpoint is explained in docs/decisions/0002-graphql-as-an-asgi-endpoint.md.
    """

    def __init__(
        self,
        settings: Settings,
        runner: OperationRunner,
        get_context: ContextGetter,
        streams: LiveStreams,
        unsent: UnsentResponses,
        page: GraphiQLPage | None = None,
    ) -> None:
        """Create the endpoint. A `page` is the response to browsers that open the URL."""
        self._runner = runner
        self._get_context = get_context
        self._streams = streams
        self._unsent = unsent
        self._page = page
        self._max_body_bytes = settings.max_body_bytes
        self._bodies = BodyBudget(settings.max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Verify the token, read the body, execute the operation and respond, in this order."""
        if scope["method"] != "POST":
            require_method(scope)
            if self._page is not None and self._page.is_requested(scope):
                await self._page.response(scope)(scope, receive, send)
                return
        request, record = Request(scope, receive), request_record(scope)
        record.context = context = await self._get_context(request)
        owner = context.viewer.key
        self._unsent.check(owner)
        framing = accepted_framing(scope)
        media_type = response_type(scope, is_default=framing is not None)
        if framing is None:
            try:
                parse = await self._read(request, owner)
                response = await self._run(parse, context, media_type, request)
            finally:
                self._bodies.release(request)
        else:
            streamed = await self._stream(framing, context, media_type, request, send)
            if streamed is None:
                return
            response = streamed
        if len(response.body) <= RESPONSE_PIECE_BYTES:
            await response(scope, receive, send)
        else:
            has_written = context.connection.writes > 0
            await self._unsent.send(owner, response, scope, send, must_send=has_written)

    async def _read(self, request: Request, owner: Hashable) -> Parse:
        """Return the parser of the request, whose body may hold a share of the budget."""
        if request.method != "POST":
            return partial(parse_url_request, request.scope["query_string"])
        body = await read_body(request, self._max_body_bytes, self._bodies, owner)
        return partial(parse_graphql_request, body)

    async def _run(
        self,
        parse: Parse,
        context: Context,
        media_type: str,
        request: Request,
        turn: Turn | None = None,
    ) -> Response:
        """Return the response of the operation, which runs on a worker thread."""
        return await self._runner.run(
            parse,
            context,
            partial(response_to, media_type=media_type, scope=request.scope),
            record=request_record(request.scope),
            on_start=partial(self._hold_body, request),
            turn=turn,
        )

    def _hold_body(self, request: Request, job: Job) -> None:
        """Keep the share of the body until the thread has finished.

        It is kept also after a disconnect or a timeout.
        """
        if self._bodies.hold(request):
            job.add_end_callback(partial(self._bodies.release, request))

    async def _stream(
        self, framing: Framing, context: Context, media_type: str, request: Request, send: Send
    ) -> Response | None:
        """Stream the events of a subscription, and return None at its end.

        Return the response to any other operation, and to a subscription that fails.
        """
        context.live_read = read = LiveRead()
        user = context.viewer.key
        turn: Turn | None = None
        if framing.is_preferred(request.scope):
            turn = self._streams.reader.first_turn(user, partial(wait_for_disconnect, request))
        # The flag precedes the first read, so that no change falls between them.
        with self._streams.hub.listening(user) as flag:
            try:
                parse = cache(await self._read(request, user))
                response = await self._run(parse, context, media_type, request, turn)
            finally:
                self._bodies.release(request)
            if read.page is None:
                return framing.single_response(response, request.scope)
            require_chunks(request.scope)
            session = await self._get_context.session(request)
            assert context.operation is not None
            kept = stream_request(parse(), context.operation)
            sink = HTTPSink(send, framing, user, self._unsent)
            first = Event(bytes(response.body), read.page, has_found=True)
            responding = respond_by_stream(
                self._streams, Subscriber(kept, session, flag), first, sink, request
            )
            # The request and the first event can be large, and a stream lasts for hours.
            del parse, response, read, first
            context.release_document()
            await responding
        return None


def require_method(scope: Scope) -> None:
    """Raise HTTPException unless the request, which is no POST, is a GET or HEAD over HTTP."""
    if scope["method"] not in routes.METHODS:
        raise HTTPException(405, headers={"Allow": ", ".join(routes.METHODS)})
    if header(scope, b"sec-websocket-version") is not None:
        raise HTTPException(
            405,
            "WebSocket handshake without `Upgrade`: a proxy must pass it on.",
            {"Allow": "POST"},
        )
