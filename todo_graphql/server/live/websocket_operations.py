"""Operations over a WebSocket: each `subscribe` message, from its execution to its last event."""

import asyncio
import logging
import time
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING, assert_never

from graphql import ExecutionResult
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect

from todo_graphql.api.context import Context
from todo_graphql.api.schema import GraphQLRequest
from todo_graphql.api.sync.live_reads import LiveRead
from todo_graphql.errors import ErrorCode, InvalidToken, Problem, RateLimited, Unavailable
from todo_graphql.server import routes
from todo_graphql.server.http.body import to_graphql_request
from todo_graphql.server.live import limits
from todo_graphql.server.live.backoff import Backoff
from todo_graphql.server.live.event_reader import Event
from todo_graphql.server.live.hub import WakeFlag
from todo_graphql.server.live.stream import StreamEnded, Subscriber, stream_request
from todo_graphql.server.live.websocket_messages import (
    TOO_SLOW,
    ClientMessage,
    ClientTooSlow,
    Close,
    CloseCode,
    Outcome,
    complete_message,
    error_message,
    errors_outcome,
    may_be_subscription,
    next_message,
    outcome_of,
    problem_outcome,
)
from todo_graphql.server.live.websocket_services import SocketServices
from todo_graphql.server.observability.formatters import request_id
from todo_graphql.server.observability.live_statistics import StreamEnd, StreamRecord
from todo_graphql.server.observability.request_record import RequestRecord

if TYPE_CHECKING:
    from todo_graphql.server.live.websocket import Socket
    from todo_graphql.server.operation_runner import Turn

logger = logging.getLogger(__name__)

CLOSED_BY_CLIENT = 499

FAILED = Close(CloseCode.TRY_AGAIN_LATER, "A subscription has failed. Try again later.")


class SocketSink:
    """The sending side of a stream over a WebSocket, which has its own pings."""

    def __init__(self, socket: "Socket", operation_id: str) -> None:
        self._socket = socket
        self._operation_id = operation_id

    async def send_event(self, body: bytes) -> None:
        try:
            await self._socket.send_result(next_message(self._operation_id, body))
        except ClientTooSlow:
            raise StreamEnded(StreamEnd.TOO_SLOW) from None
        except WebSocketDisconnect:
            raise StreamEnded(StreamEnd.DISCONNECTED) from None

    async def send_heartbeat(self) -> None:
        """Do nothing."""

    async def drain(self) -> None:
        """Do nothing: sending ends when the client has read nearly everything."""


class SocketOperation:
    """One operation.

    It holds a permit of its socket until its result is sent, or one of the slots for subscriptions.
    """

    def __init__(
        self, services: SocketServices, socket: "Socket", message: ClientMessage, name: str
    ) -> None:
        self._services = services
        self._socket = socket
        self._operation_id = message.id
        members = message.payload or {}
        self._parse = cache(partial(to_graphql_request, members))
        self._may_be_subscription = may_be_subscription(members.get("query"))
        self._record = RequestRecord(name, "SUBSCRIBE", routes.GRAPHQL, socket.client)
        self._holds_permit = False
        self._backoff = Backoff()
        self.is_completed = asyncio.Event()
        """The event that the client has completed the operation, or is disconnected."""

    async def await_admission(self) -> None:
        """Take a slot for subscriptions, or wait for a permit."""
        if self._may_be_subscription and self._socket.has_slot:
            self._socket.subscriptions.add(self)
        else:
            await self._socket.permits.acquire()
            self._holds_permit = True

    async def run(self) -> None:
        """Execute the operation, and send its results. It never raises."""
        record = self._record
        token = request_id.set(record.id)
        try:
            await self._run()
        except InvalidToken as problem:
            self._socket.close(Close(CloseCode.FORBIDDEN, problem.message))
            record.abandon(problem.status)
        except (WebSocketDisconnect, ClientDisconnect):
            record.abandon(CLOSED_BY_CLIENT)
        except Exception:
            logger.exception("An operation failed.")
            error = {"requestId": record.id, **ErrorCode.INTERNAL_SERVER_ERROR.extensions}
            await self._fail("Something went wrong on the server.", error)
        finally:
            self._socket.subscriptions.discard(self)
            self._release_permit()
            record.seconds = time.perf_counter() - record.began
            for observe in self._services.observers:
                observe(record)
            request_id.reset(token)

    async def _fail(self, message: str, extensions: dict[str, object]) -> None:
        outcome = errors_outcome([{"message": message, "extensions": extensions}], 500)
        self._record.codes = frozenset({str(extensions["code"])})
        self._record.response_status = 500
        with suppress(WebSocketDisconnect):
            await self._end(error_message(self._operation_id, outcome.body))

    async def _run(self) -> None:
        # The flag precedes the first read, so that no change falls between them.
        with self._services.streams.hub.listening(self._socket.user) as flag:
            try:
                context, outcome = await self._first_outcome()
                page = None if context.live_read is None else context.live_read.page
                if page is None or outcome.is_error or self.is_completed.is_set():
                    await self._send_single(outcome, context)
                else:
                    event = Event(outcome.body, page, has_found=True)
                    streaming = self._stream(self._shorten_request(context), flag, event)
                    # The first event can be large, and a stream lasts for hours.
                    context.release_document()
                    del context, outcome, page, event
                    await streaming
            except InvalidToken:
                raise
            except Problem as problem:
                self._record.codes = frozenset({problem.code.name})
                outcome = problem_outcome(problem)
                self._record.response_status = outcome.status
                await self._end(error_message(self._operation_id, outcome.body))

    def _shorten_request(self, context: Context) -> GraphQLRequest:
        """Keep the part of the request that a stream needs, and return it."""
        assert context.operation is not None
        request = stream_request(self._parse(), context.operation)
        self._parse = cache(lambda: request)
        return request

    async def _first_outcome(self) -> tuple[Context, Outcome]:
        """Return the first result. A subscription waits until the database is available."""
        while True:
            self._record.context = context = self._socket.session.create_context()
            context.request_id = self._record.id
            context.live_read = LiveRead()
            try:
                self._services.unsent.check(self._socket.user)
                return context, await self._execute(context)
            except Unavailable as problem:
                is_unknown = context.operation is None and self._may_be_subscription
                if not (context.is_subscription or is_unknown):
                    raise
                if context.operation is not None:
                    self._shorten_request(context)
                retry_after = problem.retry_after
            self._register_subscription()
            await self._pause(retry_after)

    async def _execute(self, context: Context) -> Outcome:
        def respond(result: ExecutionResult) -> Outcome:
            return outcome_of(result, is_subscription=context.is_subscription)

        turn: Turn | None = None
        if self in self._socket.subscriptions:
            reader = self._services.streams.reader
            turn = reader.first_turn(self._socket.user, self.is_completed.wait)
        outcome = await self._services.runner.run(
            self._parse, context, respond, record=self._record, turn=turn
        )
        self._record.response_status = outcome.status
        return outcome

    async def _pause(self, retry_after: int) -> None:
        """Wait before a further attempt.

        Raises WebSocketDisconnect if the operation is completed meanwhile.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._backoff.next_pause(retry_after)):
                await self.is_completed.wait()
                raise WebSocketDisconnect

    async def _send_single(self, outcome: Outcome, context: Context) -> None:
        if self.is_completed.is_set():
            return
        if outcome.is_error:
            await self._end(error_message(self._operation_id, outcome.body))
            return
        has_written = context.connection.writes > 0
        text = next_message(self._operation_id, outcome.body)
        await self._socket.send_result(text, must_send=has_written)
        await self._end(complete_message(self._operation_id))

    async def _end(self, text: str) -> None:
        """Send the last message, unless the client has completed the operation."""
        if not self.is_completed.is_set():
            self.is_completed.set()  # the client may use the id again
            await self._socket.send(text)

    async def _stream(self, request: GraphQLRequest, flag: WakeFlag, first: Event) -> None:
        """Send the events until the stream ends.

        Raises RateLimited or Unavailable without a slot for it.
        """
        self._register_subscription()
        streams = self._services.streams
        subscriber = Subscriber(request, self._socket.session, flag)
        with streams.slot(self._socket.user):
            self._record.stream = stream = StreamRecord("websocket")
            sink = SocketSink(self._socket, self._operation_id)
            running = streams.run(subscriber, first, sink, stream, self.is_completed.wait())
            del first
            end = await running
        await self._respond_to(end)

    async def _respond_to(self, end: StreamEnd) -> None:
        """Tell the client about the end of the stream.

        The close of a socket for any other reason does so itself.
        """
        match end:
            case StreamEnd.COMPLETED:
                await self._end(complete_message(self._operation_id))
            case StreamEnd.EXPIRED:
                raise InvalidToken("The token is no longer valid.")
            case StreamEnd.FAILED:
                self._socket.close(FAILED)
            case StreamEnd.TOO_SLOW:
                self._socket.close(TOO_SLOW)
            case StreamEnd.DISCONNECTED | StreamEnd.SHUTDOWN:
                pass
            case _:
                assert_never(end)

    def _register_subscription(self) -> None:
        """Take a slot for subscriptions in place of the permit.

        Raises RateLimited if none is free.
        """
        if self not in self._socket.subscriptions and not self._socket.has_slot:
            raise RateLimited(
                f"{limits.MAX_SOCKET_SUBSCRIPTIONS} subscriptions are open on this WebSocket. "
                "Complete one of them.",
                retry_after=limits.RETRY_AFTER_SECONDS,
            )
        self._socket.subscriptions.add(self)
        self._release_permit()

    def _release_permit(self) -> None:
        if self._holds_permit:
            self._holds_permit = False
            self._socket.permits.release()
