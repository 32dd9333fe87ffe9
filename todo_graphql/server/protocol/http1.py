"""HTTP/1.1 connections, bounded in memory and time: docs/decisions/0001-http1-connection.md.

| state | meaning | next state |
|---|---|---|
| RECEIVING | the first request is due, or one has begun | PROCESSING or IDLE: it is complete |
| PROCESSING | responses to requests are due | IDLE: all are sent; RECEIVING: bytes arrive |
| IDLE | all responses are sent | RECEIVING: bytes arrive; CLOSED: keep-alive time is over |
| FINISHING | nothing more is parsed; responses are due | LINGERING: all are sent |
| LINGERING | the sending side is shut; input is discarded | CLOSED: by the client, or by a limit |
| CLOSED | the connection is lost | |

RECEIVING, PROCESSING and IDLE change to FINISHING when a request is rejected, when the last request
is complete, or when a response closes the connection.
"""

import asyncio
import logging
from collections import deque
from enum import Enum, auto
from heapq import nsmallest
from http import HTTPStatus
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.server import ServerState

from todo_graphql.server.protocol import limits
from todo_graphql.server.protocol.raw_response import RawResponse, raw_error_response
from todo_graphql.server.protocol.request_cycle import RequestCycle
from todo_graphql.server.protocol.request_parser import RejectedError, RequestParser

if TYPE_CHECKING:
    from todo_graphql.server.protocol.websocket import WebSocketProtocol

logger = logging.getLogger(__name__)

CLIENT_CLOSED_REQUEST = 499  # nginx's status for a client that disconnects before the response
REJECTED = "Rejected an HTTP request with status %d. Client: %s. Reason: %s"
TIMED_OUT = raw_error_response(HTTPStatus.REQUEST_TIMEOUT, "The request was not received in time.")


class State(Enum):
    """The states of a connection; see the table of this module."""

    RECEIVING = auto()
    PROCESSING = auto()
    IDLE = auto()
    FINISHING = auto()
    LINGERING = auto()
    CLOSED = auto()


PARSING = State.RECEIVING, State.PROCESSING, State.IDLE


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
        self._config = config
        self._app = cast("ASGIApp", config.loaded_app)
        self._keep_alive_seconds = config.timeout_keep_alive
        self.server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._parser = RequestParser(self)
        self._state = State.RECEIVING
        self._cycles = deque[RequestCycle]()  # the first one is in progress
        self._incoming: RequestCycle | None = None  # its body is incomplete
        self._rejection: RawResponse | None = None  # sent after all responses
        self._since = 0.0  # the start of a request, of idleness, or of lingering
        self._received = 0  # bytes since then
        self._unsent, self._unsent_since = 0, 0.0
        self._is_paused = self._is_stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        client, server = map(transport.get_extra_info, ("peername", "sockname"))
        self._addresses = {"client": client and client[:2], "server": server and server[:2]}
        if len(self.server_state.connections) >= limits.MAX_CONNECTIONS:
            self._close_longest_idle()
        self.server_state.connections.add(self)  # type: ignore[arg-type]
        self._since = self._loop.time()
        self._timer = self._loop.call_later(limits.CHECK_SECONDS, self._check)

    def _close_longest_idle(self) -> None:
        """Close the connections that have waited longest for a request, complete or not.

        One in a hundred is closed at once, so that a flood does not lead to a search for each.
        """
        others = cast("set[HTTP1Protocol]", self.server_state.connections)
        waiting = [other for other in others if other.is_waiting]
        number = max(1, limits.MAX_CONNECTIONS // 100)
        for other in nsmallest(number, waiting, key=attrgetter("waiting_since")):
            other.transport.abort()

    @property
    def is_waiting(self) -> bool:
        """Return whether the client has to send or to close before anything else happens."""
        return not self._cycles and not self.transport.is_closing()

    @property
    def waiting_since(self) -> float:
        return self._since

    def data_received(self, data: bytes) -> None:
        if self._state in PARSING:
            self.on_request_begin()
            self._received += len(data)
            self._parser.receive(data)
            self._parse()
        else:
            self._received += len(data)
            if self._received > limits.LINGER_BYTES:
                self.transport.abort()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, _error: Exception | None) -> None:
        self._state = State.CLOSED
        self._timer.cancel()
        self.server_state.connections.discard(self)
        for cycle in self._cycles:
            cycle.abandon(CLIENT_CLOSED_REQUEST)
        self.writable.set()
        self._parser.close()

    def shutdown(self) -> None:
        """Close the connection after the requests that have begun, or after another one."""
        self._is_stopping = True
        if self._state is State.LINGERING:
            self.transport.close()
        elif not self._cycles:
            self._loop.call_later(limits.SHUTDOWN_GRACE_SECONDS, self._close_if_idle)
        elif self._state is not State.FINISHING:
            self._cycles[-1].keep_alive = False
            if self._incoming is None:
                self._stop_parsing()

    def _close_if_idle(self) -> None:
        if not self._cycles:
            self.transport.close()

    def on_request_begin(self) -> None:
        """Start the clock of a request. Raises RuntimeError after the last one."""
        if self._state in (State.IDLE, State.PROCESSING):
            self._state, self._since, self._received = State.RECEIVING, self._loop.time(), 0
        elif self._state is not State.RECEIVING:
            raise RuntimeError("No further request is accepted.")

    def on_request(self, scope: Scope, *, keep_alive: bool, expects_continue: bool) -> None:
        """Start the request, or queue it behind those before it."""
        scope.update(self._addresses, state=self._app_state.copy())
        keep_alive = keep_alive and not self._is_stopping
        cycle = RequestCycle(self, scope, keep_alive=keep_alive, expects_continue=expects_continue)
        self._incoming = cycle
        self._cycles.append(cycle)
        if len(self._cycles) == 1:
            self._start(cycle)

    def can_upgrade(self) -> bool:
        """Return whether the connection can become a WebSocket: no response is due before."""
        return self._config.ws_protocol_class is not None and not (
            self._cycles or self._is_stopping
        )

    def on_upgrade(self, scope: Scope, rest: bytes) -> None:
        """Pass the transport, the handshake, and the input behind it, to the WebSocket class."""
        self._state = State.CLOSED
        self._timer.cancel()
        self._parser.close()
        self.server_state.connections.discard(self)
        scope.update(self._addresses, state=self._app_state.copy())
        create = cast("type[WebSocketProtocol]", self._config.ws_protocol_class)
        websocket = create(self._config, self.server_state, self._app_state)
        websocket.connection_made(self.transport)
        self.transport.set_protocol(websocket)
        websocket.on_handshake(scope)
        if rest:
            websocket.data_received(rest)

    def on_body(self, data: bytes) -> None:
        assert self._incoming is not None
        self._incoming.add_body(data)

    def on_request_complete(self) -> None:
        """Mark the incoming request as complete."""
        cycle, self._incoming = self._incoming, None
        assert cycle is not None
        cycle.end_body()
        if not cycle.keep_alive:
            self._stop_parsing()
        elif self._cycles:
            self._state = State.PROCESSING
        else:
            self._state, self._since = State.IDLE, self._loop.time()

    def resume(self) -> None:
        """Continue to parse and read, if this was paused."""
        if self._is_paused:
            self._parse()

    def on_response_complete(self, cycle: RequestCycle) -> None:
        """Start the next request, become idle, or close the connection."""
        self.server_state.total_requests += 1
        self._cycles.popleft()
        if self.transport.is_closing():
            return
        if not cycle.keep_alive:
            self._cycles.clear()
            self._rejection = None
        if self._cycles:
            self._loop.call_later(limits.PIPELINE_PAUSE_SECONDS, self._start_next)
        elif not cycle.keep_alive or self._state is State.FINISHING:
            self._linger()
            return
        elif self._state is State.PROCESSING:
            self._state, self._since = State.IDLE, self._loop.time()
        self.resume()

    def _start_next(self) -> None:
        """Start the next pipelined request, unless the connection has ended meanwhile."""
        if self._cycles and not self.transport.is_closing():
            self._start(self._cycles[0])

    def _start(self, cycle: RequestCycle) -> None:
        task = self._loop.create_task(cycle.run(self._app))
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)

    def _has_room(self) -> bool:
        """Return whether another request, or more of a body, can be buffered."""
        buffered = 0
        for cycle in self._cycles:
            buffered += len(cycle.body)
        is_short = len(self._cycles) <= limits.MAX_PIPELINED_REQUESTS
        return is_short and buffered <= limits.MAX_BUFFERED_BODY_BYTES

    def _parse(self) -> None:
        """Parse the input that fits into the buffers, and pause reading while some remains."""
        try:
            while self._parser.pending and self._has_room():
                self._parser.parse_piece()
        except RejectedError as error:
            if self._state in PARSING:  # input after the last request is ignored
                self._reject(error.response, str(error))
        self._pause_or_resume()

    def _pause_or_resume(self) -> None:
        must_pause = self._state in PARSING and not (self._has_room() and not self._parser.pending)
        if must_pause is not self._is_paused and not self.transport.is_closing():
            self._is_paused = must_pause
            (self.transport.pause_reading if must_pause else self.transport.resume_reading)()

    def _stop_parsing(self) -> None:
        self._state = State.FINISHING
        self._parser.discard()

    def _reject(self, response: RawResponse, reason: str) -> None:
        """Close the connection with this response, after the responses to earlier requests."""
        status, client = response.status.value, self._addresses["client"]
        logger.warning(REJECTED, status, client[0] if client else "unknown", reason)
        if self._parser.is_in_head_request:
            response = response._replace(body=b"")
        self._stop_parsing()
        cycle = self._incoming  # the response to this request, if it has none
        self._rejection = None if cycle and cycle.is_started else response
        if cycle and cycle in self._cycles:
            cycle.abandon(response.status)
            self._cycles.remove(cycle)
        if not self._cycles:
            self._linger()

    def _linger(self) -> None:
        """Shut down the sending side, and discard further input (lingering close).

        An immediate close could reset the connection, and the client would lose the response
        (RFC 9112, section 9.6). A server that stops closes the connection immediately.
        """
        self._stop_parsing()
        self._state, self._since, self._received = State.LINGERING, self._loop.time(), 0
        if self._rejection is not None:
            self.transport.write(self._rejection.head + self._rejection.body)
        if self._is_stopping:
            self.transport.close()
            return
        self._pause_or_resume()
        try:
            self.transport.write_eof()
        except OSError:  # the client has reset the connection
            self.transport.abort()

    def _check(self) -> None:
        """Enforce the time limits, once per limits.CHECK_SECONDS."""
        self._timer = self._loop.call_later(limits.CHECK_SECONDS, self._check)
        now = self._loop.time()
        elapsed = now - self._since
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        if now - self._unsent_since > limits.WRITE_STALL_SECONDS:
            self.transport.abort()
        elif self._state is State.RECEIVING:
            self._check_request(now)
        elif self._state is State.IDLE and elapsed > self._keep_alive_seconds:
            self.transport.close()
        elif self._state is State.LINGERING:
            is_late = self._rejection is not None and self._rejection.status == TIMED_OUT.status
            if unsent:
                self._since = now
            elif elapsed > (limits.LATE_CLOSE_SECONDS if is_late else limits.LINGER_SECONDS):
                self.transport.abort()

    def _check_request(self, now: float) -> None:
        if self._is_paused:
            self._since = now  # the client cannot send
        elif now - self._since > limits.REQUEST_RATE.allowed_seconds(self._received):
            self._reject(TIMED_OUT, "The request was not received in time.")
        elif self._received > limits.LINGER_BYTES and self._incoming not in self._cycles:
            self._linger()  # the rest of a request that has its response already
