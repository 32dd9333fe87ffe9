"""HTTP/1.1 connections, bounded in memory and time: docs/decisions/0001-http1-connection.md.

| state | meaning | next state |
|---|---|---|
| RECEIVING | a request is due: the first one, or one that has begun | PROCESSING or IDLE: it is whole |
| PROCESSING | whole requests wait for their responses | IDLE: all are sent; RECEIVING: bytes arrive |
| IDLE | all responses are sent | RECEIVING: bytes arrive; CLOSED: the keep-alive time is over |
| FINISHING | nothing more is parsed; responses are due | LINGERING: all are sent |
| LINGERING | the sending side is shut; input is discarded | CLOSED: by the client, or by a limit |
| CLOSED | the connection is lost | |

RECEIVING, PROCESSING and IDLE change to FINISHING when a request is rejected, when the last request
is whole, or when a response closes the connection.
"""

import asyncio
import logging
from collections import deque
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.server import ServerState

from todo_graphql.errors import ErrorCode
from todo_graphql.server.protocol.min_data_rate import MinDataRate
from todo_graphql.server.protocol.raw_response import RawResponse, raw_error_response
from todo_graphql.server.protocol.request_cycle import RequestCycle
from todo_graphql.server.protocol.request_parser import RejectedError, RequestParser

logger = logging.getLogger(__name__)

READ_GRACE_SECONDS = 8.0
MIN_BYTES_PER_SECOND = 10_000
REQUEST_RATE = MinDataRate(READ_GRACE_SECONDS, MIN_BYTES_PER_SECOND)
WRITE_STALL_SECONDS = 30.0
CHECK_SECONDS = 1.0
"""The interval of the check of all time limits: cheaper than timers for each request."""

MAX_PIPELINED_REQUESTS = 8
"""Requests that may wait behind the one in progress. Parsing and reading pause then."""

PIECE_BYTES = 256
"""Bytes to parse at once of input that holds many requests: at most ten of them."""

MAX_BUFFERED_BODY_BYTES = 65_536
"""Bytes of bodies that the application has not taken. Parsing and reading pause then."""

LINGER_SECONDS = 30.0
LINGER_BYTES = 32 * 1024 * 1024
"""More than any accepted body: a client that sends all before it reads gets its 413."""

LATE_CLOSE_SECONDS = 0.5
"""The time to linger after a 408, and when the server stops."""

SHUTDOWN_GRACE_SECONDS = 0.5
"""The time for one more request of an idle connection when the server stops."""

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that closes the connection before its response."""

TIMED_OUT = raw_error_response(
    HTTPStatus.REQUEST_TIMEOUT,
    ErrorCode.BAD_USER_INPUT,
    "The request was not received in time.",
)
END_OF_HEAD = b"\r\n\r\n"
NOTHING = memoryview(b"")


class State(Enum):
    """The states of a connection; see the table of this module."""

    RECEIVING = auto()
    PROCESSING = auto()
    IDLE = auto()
    FINISHING = auto()
    LINGERING = auto()
    CLOSED = auto()


PARSING = frozenset({State.RECEIVING, State.PROCESSING, State.IDLE})


class HTTP1Protocol(asyncio.Protocol):
    """One connection. uvicorn constructs it and calls `shutdown`."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self._app = cast("ASGIApp", config.loaded_app)
        self._keep_alive_seconds = config.timeout_keep_alive
        self._server = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._parser = RequestParser(self)
        self._state = State.RECEIVING
        self._cycles = deque[RequestCycle]()  # the first one is in progress
        self._incoming: RequestCycle | None = None  # its body is still to come
        self._rejection: RawResponse | None = None  # to be sent after all responses
        self._unparsed = NOTHING
        self._piece_bytes = 0
        self._since = 0.0  # the start of a request, of idleness, or of lingering
        self._received = 0  # bytes since then
        self._unsent, self._unsent_since = 0, 0.0
        self._is_paused = self._is_stopping = False

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of every response. uvicorn renews the date once a second."""
        return self._server.default_headers

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._client, self._local = (
            address and address[:2]
            for address in map(transport.get_extra_info, ("peername", "sockname"))
        )
        self._server.connections.add(self)  # type: ignore[arg-type]
        self._since = self._loop.time()
        self._timer = self._loop.call_later(CHECK_SECONDS, self._check)

    def data_received(self, data: bytes) -> None:
        if self._state in PARSING:
            self.on_request_begin()
            self._received += len(data)
            has_few = data.count(END_OF_HEAD) <= MAX_PIPELINED_REQUESTS
            self._piece_bytes = len(data) if has_few else PIECE_BYTES
            self._unparsed = memoryview(data)
            self._parse()
        else:
            self._received += len(data)
            if self._received > LINGER_BYTES:
                self.transport.abort()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, _error: Exception | None) -> None:
        self._state = State.CLOSED
        self._timer.cancel()
        self._server.connections.discard(self)  # type: ignore[arg-type]
        for cycle in self._cycles:
            cycle.abandon(CLIENT_CLOSED_REQUEST)
        self.writable.set()
        self._parser.close()

    # Called by uvicorn

    def shutdown(self) -> None:
        """Close the connection after the requests that have begun, or after one more."""
        self._is_stopping = True
        if self._state is State.LINGERING:
            self.transport.close()
        elif not self._cycles:
            self._loop.call_later(SHUTDOWN_GRACE_SECONDS, self._close_if_idle)
        elif self._state is not State.FINISHING:
            self._cycles[-1].keep_alive = False
            if self._incoming is None:
                self._stop_parsing()

    def _close_if_idle(self) -> None:
        if not self._cycles:
            self.transport.close()

    # Called by the parser

    def on_request_begin(self) -> None:
        """Start the clock of a request. Raises RuntimeError after the last one."""
        if self._state in (State.IDLE, State.PROCESSING):
            self._state, self._since, self._received = State.RECEIVING, self._loop.time(), 0
        elif self._state is not State.RECEIVING:
            raise RuntimeError("No further request is accepted.")

    def on_request(self, scope: Scope, *, keep_alive: bool, expects_continue: bool) -> None:
        """Start the request, or queue it behind those before it."""
        scope.update(client=self._client, server=self._local, state=self._app_state.copy())
        keep_alive = keep_alive and not self._is_stopping
        cycle = RequestCycle(self, scope, keep_alive=keep_alive, expects_continue=expects_continue)
        self._incoming = cycle
        self._cycles.append(cycle)
        if len(self._cycles) == 1:
            self._start(cycle)

    def on_body(self, data: bytes) -> None:
        """Hand a part of a body to its request."""
        assert self._incoming is not None
        self._incoming.add_body(data)

    def on_request_complete(self) -> None:
        """Note that a request is whole."""
        cycle, self._incoming = self._incoming, None
        assert cycle is not None
        cycle.end_body()
        if not cycle.keep_alive:
            self._stop_parsing()
        elif self._cycles:
            self._state = State.PROCESSING
        else:
            self._state, self._since = State.IDLE, self._loop.time()

    # Called by requests

    def on_body_taken(self) -> None:
        """Continue to parse and read."""
        if self._is_paused:
            self._parse()

    def on_response_complete(self, cycle: RequestCycle) -> None:
        """Start the next request, become idle, or end the connection."""
        self._server.total_requests += 1
        self._cycles.popleft()
        if self.transport.is_closing():
            return
        if not cycle.keep_alive:
            self._cycles.clear()
            self._rejection = None
        if self._cycles:
            self._start(self._cycles[0])
        elif not cycle.keep_alive or self._state is State.FINISHING:
            self._linger()
            return
        elif self._state is State.PROCESSING:
            self._state, self._since = State.IDLE, self._loop.time()
        if self._is_paused:
            self._parse()

    def _start(self, cycle: RequestCycle) -> None:
        task = self._loop.create_task(cycle.run(self._app))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    # Parsing

    def _has_room(self) -> bool:
        """Return whether another request, or more of a body, can be buffered."""
        buffered = sum(len(cycle.body) for cycle in self._cycles)
        is_short = len(self._cycles) <= MAX_PIPELINED_REQUESTS
        return is_short and buffered <= MAX_BUFFERED_BODY_BYTES

    def _parse(self) -> None:
        """Parse as much input as there is room for, and pause reading while some is left."""
        try:
            while self._unparsed and self._state in PARSING and self._has_room():
                piece = self._unparsed[: self._piece_bytes]
                self._unparsed = self._unparsed[self._piece_bytes :]
                self._parser.feed(piece)
        except RejectedError as error:
            if self._state in PARSING:  # else it is about input after the last request
                logger.warning("Rejected an HTTP request with status %d.", error.response.status)
                self._reject(error.response)
        self._pause_or_resume()

    def _pause_or_resume(self) -> None:
        must_pause = self._state in PARSING and (bool(self._unparsed) or not self._has_room())
        if must_pause is not self._is_paused and not self.transport.is_closing():
            self._is_paused = must_pause
            (self.transport.pause_reading if must_pause else self.transport.resume_reading)()

    # The end of the connection

    def _stop_parsing(self) -> None:
        self._state, self._unparsed = State.FINISHING, NOTHING

    def _reject(self, response: RawResponse) -> None:
        """End the connection with this response, after those to earlier requests."""
        self._stop_parsing()
        self._rejection = response
        cycle = self._incoming
        if cycle is not None:
            if cycle.is_started:
                self._rejection = None
            if cycle in self._cycles:
                cycle.abandon(response.status)
                self._cycles.remove(cycle)
        if not self._cycles:
            self._linger()

    def _linger(self) -> None:
        """Shut the sending side, and discard what the client still sends.

        Closing at once would reset the connection, and the client could lose the response
        (RFC 9112, section 9.6).
        """
        self._stop_parsing()
        self._state, self._since, self._received = State.LINGERING, self._loop.time(), 0
        if self._rejection is not None:
            self.transport.write(self._rejection.content)
        self._pause_or_resume()
        try:
            self.transport.write_eof()
        except OSError:  # the client has reset the connection
            self.transport.abort()

    # Time limits

    def _check(self) -> None:
        """Enforce the time limits, once per CHECK_SECONDS."""
        self._timer = self._loop.call_later(CHECK_SECONDS, self._check)
        now = self._loop.time()
        elapsed = now - self._since
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        if now - self._unsent_since > WRITE_STALL_SECONDS:
            self.transport.abort()
        elif self._state is State.RECEIVING:
            self._check_request(now)
        elif self._state is State.IDLE and elapsed > self._keep_alive_seconds:
            self.transport.close()
        elif self._state is State.LINGERING:
            is_short = self._is_stopping or self._rejection is TIMED_OUT
            if unsent:
                self._since = now
            elif elapsed > (LATE_CLOSE_SECONDS if is_short else LINGER_SECONDS):
                self.transport.abort()

    def _check_request(self, now: float) -> None:
        if self._is_paused:
            self._since = now  # the client cannot send
        elif now - self._since > REQUEST_RATE.allowed_seconds(self._received):
            self._reject(TIMED_OUT)
        elif self._received > LINGER_BYTES and self._incoming not in self._cycles:
            self._linger()  # the rest of a request that has its response already
