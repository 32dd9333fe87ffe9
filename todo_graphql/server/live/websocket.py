"""One WebSocket of a client: from its handshake to its close."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, NoReturn, TypeVar

from starlette.websockets import WebSocket, WebSocketDisconnect

from todo_graphql.api.context import Context
from todo_graphql.errors import InvalidToken, MissingToken, Problem, Unavailable
from todo_graphql.server.http.unsent_responses import RESPONSE_PIECE_BYTES
from todo_graphql.server.live import limits
from todo_graphql.server.live.message_costs import MessageCosts
from todo_graphql.server.live.websocket_messages import (
    ACK,
    BINARY,
    DUPLICATE_ID,
    LATE_INIT,
    LONG_INIT,
    NOT_INITIALISED,
    PING,
    PONG,
    RESTART,
    SECOND_INIT,
    SILENT,
    TOO_SLOW,
    ClientMessage,
    ClientTooSlow,
    Close,
    CloseCode,
    SocketClosed,
    parse_message,
    token_of,
)
from todo_graphql.server.live.websocket_operations import SocketOperation
from todo_graphql.server.live.websocket_services import SocketServices
from todo_graphql.server.observability.request_record import RequestRecord
from todo_graphql.server.protocol.websocket_handshake import ON_AUTHENTICATED

T = TypeVar("T")

MAX_REASON_CHARACTERS = 120
"""The most characters of a reason in ASCII: a close frame has at most 125 bytes."""


class Socket:
    """One WebSocket that speaks graphql-transport-ws."""

    def __init__(
        self, services: SocketServices, websocket: WebSocket, record: RequestRecord
    ) -> None:
        self._services = services
        self._websocket = websocket
        self._record = record
        self.client = record.client
        self.permits = asyncio.Semaphore(limits.MAX_SOCKET_OPERATIONS)
        self._sending = asyncio.Lock()
        self._message_deadline: asyncio.Timeout | None = None  # while a message is awaited
        self._numbers = count(1)
        self._operations: dict[str, SocketOperation] = {}
        self.subscriptions = set[SocketOperation]()
        self._tasks = set[asyncio.Task[None]]()
        self._costs = MessageCosts()
        self._closing: asyncio.Future[Close] = asyncio.get_running_loop().create_future()

    @property
    def has_slot(self) -> bool:
        """Return whether another subscription can be open."""
        return len(self.subscriptions) < limits.MAX_SOCKET_SUBSCRIPTIONS

    async def run(self) -> None:
        """Serve the client, and close the WebSocket. Raises WebSocketDisconnect."""
        try:
            sent = await self._serve()
            self._record.close_code = sent.code
            await close(self._websocket, sent)
        except asyncio.CancelledError:
            for task in self._tasks:
                task.cancel()
            raise
        finally:
            for operation in self._operations.values():
                operation.is_completed.set()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._record.context is not None:  # the client is known
                await self._charge_rest()

    async def _serve(self) -> Close:
        """Serve the client, and return the close frame that is due."""
        try:
            await self._unless_stopped(self._initialise())
            with self._services.slots.hold(self.user):
                self._websocket.scope["extensions"][ON_AUTHENTICATED]()
                await self.send(ACK)
                return await self._exchange()
        except SocketClosed as closed:
            return closed.close
        except ClientTooSlow:
            return TOO_SLOW
        except InvalidToken as problem:
            return Close(CloseCode.FORBIDDEN, problem.message)
        except Problem as problem:
            return Close(CloseCode.TRY_AGAIN_LATER, problem.message)

    def close(self, close: Close) -> None:
        """Close the WebSocket. The first reason counts."""
        if not self._closing.done():
            self._closing.set_result(close)

    # The start

    async def _initialise(self) -> None:
        """Wait for the token, and open the session."""
        try:
            async with asyncio.timeout(limits.INIT_SECONDS):
                message = await self._receive_init()
        except TimeoutError:
            raise SocketClosed(LATE_INIT) from None
        try:
            token = token_of(message)
            self.session = await self._services.get_context.open_session(self._websocket, token)
            self._record.context = context = self.session.create_context()
        except (MissingToken, InvalidToken) as problem:
            raise SocketClosed(Close(CloseCode.UNAUTHORIZED, problem.message)) from None
        self.user = context.viewer.key

    async def _receive_init(self) -> ClientMessage:
        while True:
            text = await self._receive()
            if len(text) > limits.MAX_INIT_CHARACTERS:
                raise SocketClosed(LONG_INIT)
            message = parse_message(text)
            if message.type == "connection_init":
                return message
            if message.type == "ping":
                await self.send(PONG)
            elif message.type != "pong":
                raise SocketClosed(NOT_INITIALISED)

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Await the work. Raises SocketClosed when the server stops before."""
        working = asyncio.create_task(work)
        ends = (working, self._services.streams.shutdown)
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise SocketClosed(RESTART)
            working.result()
        finally:
            working.cancel()

    # The exchange of messages

    async def _exchange(self) -> Close:
        """Serve operations until the client, the token or the server ends them."""
        reading = asyncio.create_task(self._read())
        watching = asyncio.create_task(self._watch())
        stopped = self._services.streams.shutdown
        try:
            ends = (self._closing, stopped, reading, watching)
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._closing.done():  # a failure of another task follows from it
                return self._closing.result()
            for task in (reading, watching):
                if task.done():
                    task.result()  # raises the reason
            reading.cancel()
            await self._finish_executions()
            return RESTART
        finally:
            reading.cancel()
            watching.cancel()
            await asyncio.gather(reading, watching, return_exceptions=True)

    async def _finish_executions(self) -> None:
        """Wait for the results of queries and mutations. Subscriptions end at once."""
        for operation in self.subscriptions:
            operation.is_completed.set()
        for _ in range(limits.MAX_SOCKET_OPERATIONS):
            await self.permits.acquire()

    async def _read(self) -> None:
        while True:
            await self._process(await self._receive())

    async def _process(self, text: str) -> None:
        """Process a message. A large one is freed with the operation that it begins."""
        await self._charge(len(text))
        if len(text) <= limits.MAX_INLINE_CHARACTERS:
            message = parse_message(text)
        else:
            message = await self._call(lambda _context: parse_message(text))
        if message.type == "subscribe":
            await self._subscribe(message)
        elif message.type == "complete":
            operation = self._operations.pop(message.id, None)
            if operation is not None:
                operation.is_completed.set()
        elif message.type == "ping":
            await self.send(PONG)
        elif message.type == "connection_init":
            raise SocketClosed(SECOND_INIT)

    async def _charge(self, characters: int) -> None:
        """Charge for messages once it is worth a call. An overloaded server charges later."""
        self._costs.add(characters)
        if not self._costs.are_due:
            return
        cost = self._costs.take()
        try:
            await self._call(lambda context: context.charge(cost))
        except Problem as problem:
            self._costs.put_back(cost)
            if not isinstance(problem, Unavailable):
                raise

    async def _charge_rest(self) -> None:
        """Charge for the messages since the last charge, even if less remains in the budget."""
        cost = self._costs.take()
        if cost:
            with suppress(Problem):
                await self._call(lambda context: context.deduct(cost))

    async def _call(self, function: Callable[[Context], T]) -> T:
        """Call a function on a worker thread, at a charge. Raises a Problem."""
        context = self.session.create_context()
        return await self._services.runner.call(context, partial(function, context))

    async def _subscribe(self, message: ClientMessage) -> None:
        """Start an operation when there is a slot or a permit for it."""
        present = self._operations.get(message.id)
        if present is not None and not present.is_completed.is_set():
            raise SocketClosed(DUPLICATE_ID)
        name = f"{self._record.id}-{next(self._numbers)}"
        operation = SocketOperation(self._services, self, message, name)
        await operation.await_admission()
        self._operations[message.id] = operation
        task = asyncio.create_task(operation.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(partial(self._forget, message.id, operation))

    def _forget(self, operation_id: str, operation: SocketOperation, _task: object) -> None:
        if self._operations.get(operation_id) is operation:
            del self._operations[operation_id]

    async def _receive(self) -> str:
        """Return the next message.

        Raises WebSocketDisconnect, or SocketClosed for a client that does not answer a ping while
        the server waits for a message.
        """
        try:
            async with asyncio.timeout(None) as self._message_deadline:
                message = await self._websocket.receive()
        except TimeoutError:
            raise SocketClosed(SILENT) from None
        finally:
            self._message_deadline = None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        if "text" not in message:
            raise SocketClosed(BINARY)
        text: str = message["text"]
        return text

    # Sending

    async def send(self, text: str) -> None:
        """Send a message, and wait until the client has read nearly all of it.

        The time limit of a message begins when those before it are sent. Raises
        WebSocketDisconnect.
        """
        async with self._sending:
            try:
                async with asyncio.timeout(limits.SEND_RATE.allowed_seconds(len(text))):
                    await self._websocket.send_text(text)
            except TimeoutError:
                self._raise_too_slow()
            except RuntimeError:  # Starlette's for a WebSocket that was closed
                raise WebSocketDisconnect from None

    def _raise_too_slow(self) -> NoReturn:
        self.close(TOO_SLOW)
        raise ClientTooSlow from None

    async def send_result(self, text: str, *, must_send: bool = False) -> None:
        """Send a result. A large one takes a share of the memory for unsent responses."""
        if len(text) <= RESPONSE_PIECE_BYTES:
            await self.send(text)
            return
        try:
            async with self._services.unsent.share(self.user, len(text), must_send=must_send):
                await self.send(text)
        except TimeoutError:  # the response has given way to others
            self._raise_too_slow()

    # Time limits

    async def _watch(self) -> None:
        """Send pings, verify the token, and end with it. A client has a limited time to answer."""
        while True:
            seconds = self.session.expires_at - time.time()
            await asyncio.sleep(max(0.01, min(limits.PING_SECONDS, seconds)))
            self.session.create_context()  # verifies the token
            await self.send(PING)
            awaited = self._message_deadline
            if awaited is not None and awaited.when() is None:
                awaited.reschedule(asyncio.get_running_loop().time() + limits.PONG_SECONDS)


async def close(websocket: WebSocket, sent: Close) -> None:
    """Close a WebSocket, unless the client was faster."""
    with suppress(RuntimeError, WebSocketDisconnect):
        await websocket.close(sent.code, sent.reason[:MAX_REASON_CHARACTERS])
