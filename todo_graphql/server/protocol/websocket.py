"""WebSocket connections, bounded in memory and time: docs/decisions/0030-websocket.md.

| state | meaning | next state |
|---|---|---|
| CONNECTING | the application has not accepted the handshake | OPEN, or LINGERING: it is rejected |
| OPEN | messages are exchanged | CLOSING: a close frame is sent or received |
| CLOSING | the closing handshake is in progress | LINGERING: it is complete |
| LINGERING | the sending side is shut; input is discarded | CLOSED: by the client, or by a limit |
| CLOSED | the connection is lost | |

The frames are those of `websockets`, without its I/O. No extension is offered: a compressed frame
is a protocol error, and a message is as large as on the wire.
"""

import asyncio
import logging
from contextlib import suppress
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Message, Scope
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode

from todo_graphql.server.protocol import limits
from todo_graphql.server.protocol.frame_reader import FrameReader, MessageError, create_frames
from todo_graphql.server.protocol.raw_response import raw_error_response
from todo_graphql.server.protocol.timer import Timer
from todo_graphql.server.protocol.websocket_handshake import (
    ON_AUTHENTICATED,
    InvalidHandshakeError,
    handshake_response,
    websocket_scope,
)

logger = logging.getLogger(__name__)

REJECTED = "Invalid WebSocket handshake: {}."
NOT_ACCEPTED = "The WebSocket handshake is rejected."


class State(Enum):
    """The states of a connection; see the table of this module."""

    CONNECTING = auto()
    OPEN = auto()
    CLOSING = auto()
    LINGERING = auto()
    CLOSED = auto()


ACTIVE = frozenset({State.CONNECTING, State.OPEN})


class WebSocketProtocol(asyncio.Protocol):
    """One connection. HTTP1Protocol constructs it for an upgrade, by `uvicorn.Config(ws=…)`."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        _app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._app = cast("ASGIApp", config.loaded_app)
        self._server_state = server_state
        self._loop = _loop or asyncio.get_running_loop()
        self._state = State.CONNECTING
        self._frames = create_frames(config.ws_max_size)
        self._reader = FrameReader(self._frames, self._loop)
        self._received = asyncio.Queue[Message]()
        self._pending: bytes | memoryview = b""
        self._writable = asyncio.Event()
        self._writable.set()
        self._unsent, self._unsent_since = 0, 0.0
        self._discarded = 0
        self._is_reading = True
        self._close_seconds = limits.CLOSE_SECONDS
        self._is_watching = False
        self._timers = [Timer(self._loop) for _ in range(3)]
        self._parse_timer, self._check_timer, self._close_timer = self._timers

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.waiting_since = self._loop.time()
        self._server_state.connections.add(self)  # type: ignore[arg-type]

    def connection_lost(self, _error: Exception | None) -> None:
        self._server_state.connections.discard(self)
        self._end(CloseCode.ABNORMAL_CLOSURE)
        self._state, self._pending = State.CLOSED, b""
        self._writable.set()
        for timer in self._timers:
            timer.cancel()

    @property
    def is_waiting(self) -> bool:
        """Return whether the client has to send a token before anything else happens."""
        return not self._reader.is_authenticated

    def shutdown(self) -> None:
        """Close the connection before the handshake.

        Later on, the application closes it, and the client has little time for its part of the
        closing handshake.
        """
        self._close_seconds = limits.SHUTDOWN_GRACE_SECONDS
        if self._state is State.CONNECTING:
            self.transport.close()
        elif self._state is not State.OPEN:
            self._close_timer.start(self._close_seconds, self.transport.abort)

    # Input

    def on_handshake(self, scope: Scope) -> None:
        """Start the application, which accepts the handshake, unless it is invalid."""
        try:
            self._response = handshake_response(scope)
        except InvalidHandshakeError as error:
            self._reject(error.status, REJECTED.format(error))
            return
        scope = websocket_scope(scope)
        scope["extensions"] = {ON_AUTHENTICATED: self._reader.authenticate}
        task = self._loop.create_task(self._run(scope))
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)
        self._received.put_nowait({"type": "websocket.connect"})

    def data_received(self, data: bytes) -> None:
        if self._state not in ACTIVE:
            self._discarded += len(data)
            if self._discarded > limits.LINGER_BYTES:
                self.transport.abort()
        if self._state is not State.LINGERING:
            self._pending = memoryview(bytes(self._pending) + data if self._pending else data)
            self._parse()

    def _parse(self) -> None:
        """Parse the input in pieces, and pause reading while some remains."""
        rate = self._reader.rate
        while self._pending and self._has_room() and rate.seconds_over <= 0:
            piece = bytes(self._pending[: limits.FRAME_PIECE_BYTES])
            self._pending = self._pending[limits.FRAME_PIECE_BYTES :] or b""
            try:
                for message in self._reader.read(piece):
                    self._on_message(message)
            except MessageError as error:
                self._close(error.code, str(error))
            self._flush()
        if self._pending and self._has_room():  # the rate was exceeded, and may not be any more
            over = rate.seconds_over
            # The event loop's clock counts milliseconds, so a shorter time would not elapse.
            self._parse_timer.start(over + 0.001 if over > 0 else 0.0, self._parse)
        self._pause_or_resume()
        self._watch()

    def _has_room(self) -> bool:
        """Return whether the application and the client have room for the results of input."""
        has_room = self._received.empty() and self._writable.is_set()
        return self._state is State.CLOSING or (self._state is State.OPEN and has_room)

    def _pause_or_resume(self) -> None:
        must_read = not self._pending
        if must_read is not self._is_reading and not self.transport.is_closing():
            self._is_reading = must_read
            (self.transport.resume_reading if must_read else self.transport.pause_reading)()

    def _on_message(self, message: Message) -> None:
        if message["type"] == "websocket.disconnect":
            self._end(message["code"], message["reason"])
        elif self._state is State.OPEN:
            self._received.put_nowait(message)

    # Output

    async def receive(self) -> Message:
        """Return the next message (ASGI)."""
        message = await self._received.get()
        if self._pending and self._received.empty():
            self._parse_timer.start(0, self._parse)
        return message

    async def send(self, message: Message) -> None:
        """Accept the handshake, send a message, or close the connection (ASGI).

        Returns when the client has read nearly all of a message. Raises ConnectionResetError
        without a client.
        """
        kind = message["type"]
        if kind == "websocket.close":
            if self._state is State.CONNECTING:
                self._reject(HTTPStatus.FORBIDDEN, message.get("reason") or NOT_ACCEPTED)
            else:
                self._close(message.get("code", 1000), message.get("reason") or "")
        elif kind == "websocket.accept":
            self._accept(message)
        else:
            await self._wait_for_room()
            try:
                self._frames.send_text(message["text"].encode())
            except InvalidState:
                raise ConnectionResetError from None
            self._flush()
            await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        while not self._writable.is_set():
            await self._writable.wait()
        if self._state is not State.OPEN:
            raise ConnectionResetError

    def _accept(self, message: Message) -> None:
        if self._state is not State.CONNECTING:
            raise ConnectionResetError
        headers = self._response.headers
        for name, value in message.get("headers", ()):
            headers[name.decode()] = value.decode("latin-1")
        if message.get("subprotocol") is not None:
            headers["Sec-WebSocket-Protocol"] = message["subprotocol"]
        self._state = State.OPEN
        self.transport.write(self._response.serialize())
        self._parse_timer.start(0, self._parse)

    def _reject(self, status: HTTPStatus, message: str) -> None:
        """Respond with an error in place of the handshake, and close the connection."""
        if self._state is State.CONNECTING and not self.transport.is_closing():
            response = raw_error_response(status, message)
            self.transport.write(response.head + response.body)
            self._linger()

    def _close(self, code: int, reason: str) -> None:
        """Start the closing handshake."""
        if self._state is State.OPEN:
            with suppress(InvalidState):  # a close frame was parsed behind this message
                self._frames.send_close(code, reason)
            self._end(code, reason)
            self._flush()
            self._parse_timer.start(0, self._parse)

    def _end(self, code: int, reason: str = "") -> None:
        """Report the end to the application, and limit the time until the connection is lost."""
        if self._state in ACTIVE:
            self._state = State.CLOSING
            message = {"type": "websocket.disconnect", "code": code, "reason": reason}
            self._received.put_nowait(message)
            self._close_timer.start(self._close_seconds, self.transport.abort)

    def _flush(self) -> None:
        """Write the frames that are due, and shut down the sending side after the last one."""
        for data in self._frames.data_to_send():
            if data:
                self.transport.write(data)
            else:
                self._linger()

    def _linger(self) -> None:
        """Shut down the sending side, and discard further input (lingering close)."""
        sent = self._frames.close_sent
        self._end(CloseCode.ABNORMAL_CLOSURE if sent is None else sent.code)
        self._state, self._pending = State.LINGERING, b""
        try:
            self.transport.write_eof()
        except OSError:  # the client has reset the connection
            self.transport.abort()

    async def _run(self, scope: Scope) -> None:
        """Run the application. The connection closes with it."""
        try:
            await self._app(scope, self.receive, self.send)
        except asyncio.CancelledError:  # the time for a graceful shutdown is over
            self.transport.abort()
            return
        except Exception:
            logger.exception("The application raised an unhandled exception.")
        self._reject(HTTPStatus.INTERNAL_SERVER_ERROR, NOT_ACCEPTED)
        self._close(CloseCode.INTERNAL_ERROR, "")

    # Time limits

    def pause_writing(self) -> None:
        self._writable.clear()
        self._watch()

    def resume_writing(self) -> None:
        self._writable.set()
        self._parse()

    def _watch(self) -> None:
        """Check the time limits while the client has to send or to read."""
        is_running = self._reader.clock.is_running or not self._writable.is_set()
        if is_running and not self._is_watching:
            self._unsent, self._is_watching = 0, True
            self._check_timer.start(limits.CHECK_SECONDS, self._check)

    def _check(self) -> None:
        self._is_watching = False
        now, unsent = self._loop.time(), self.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent_since = now
        if not self._writable.is_set() and now - self._unsent_since > limits.WRITE_STALL_SECONDS:
            self.transport.abort()
            return
        if self._pending:
            self._reader.clock.restart()  # the client cannot send
        elif self._reader.clock.is_late:
            self._close(CloseCode.TRY_AGAIN_LATER, "The message was not received in time.")
        self._watch()
        self._unsent = unsent
