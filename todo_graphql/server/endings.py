"""How a connection ends, and what becomes of the requests that it still has."""

import asyncio
import socket
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from todo_graphql.server.departures import CLIENT_CLOSED_REQUEST
from todo_graphql.server.exchanges import request_record
from todo_graphql.server.farewells import Farewell
from todo_graphql.server.last_words import LastWords

if TYPE_CHECKING:
    from starlette.types import Scope

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Ending(HttpToolsProtocol):
    """The part of a connection's protocol that ends it."""

    _began: float | None = None
    """Since when a request is coming in; None while none is."""

    _look: asyncio.TimerHandle | None = None

    _running: RequestResponseCycle | None = None
    """The request that is being answered; those that came after it wait for their turn."""

    _farewell: Farewell | None = None
    """Who has taken over, when nothing more is read."""

    _is_half_closed = False
    """Whether the client has said that it asks for nothing more."""

    _has_called = False
    """Whether it was asked then if it is still there."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        if self._running is not None and not self._running.response_complete:
            leave(self._running, CLIENT_CLOSED_REQUEST)  # uvicorn tells the last request alone
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whoever has asked may say that nothing more will come, and is answered."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        self._began, self._is_half_closed = None, True
        return True

    def _is_idle(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        return cycle is None or cycle.response_complete or cycle.disconnected

    def _close_if_idle(self) -> None:
        if self._is_idle():
            self.transport.close()

    def _hang_up(self) -> None:
        """After an answer, although some of its request may still be on its way."""
        cycle = self._running
        if cycle is not None and cycle.more_body and cycle.response_complete:
            cycle.on_response = lambda: None  # or it would wait for the next request
            self._part(b"", None)
        else:
            self.transport.close()

    def _leave_if_nobody_is_there(self) -> None:
        """Who has closed the whole connection, and not its own half alone, answers with a reset
        to whatever it is sent. Every client passes over this answer, which is none.
        """
        cycle, peer = self._running, self.transport.get_extra_info("socket")
        if peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()
        elif cycle and not (cycle.response_started or self._has_called):
            if cycle.scope["http_version"] != "1.0":
                self.transport.write(CONTINUE)
            self._has_called = True

    def _refuse(self, words: LastWords) -> None:
        """Say so, after all that was asked before has been answered, and hang up."""
        cycle, answer = cast("RequestResponseCycle | None", self.cycle), words.answer
        if cycle is not None and cycle.more_body:  # it is about this one
            if self.pipeline:
                leave(self.pipeline.popleft()[0], words.status)
                cycle = self.pipeline[0][0] if self.pipeline else self._running
            elif cycle.response_started:
                answer = b""
            else:
                leave(cycle, words.status)
                cycle = None
        self._part(answer, cycle, is_late=words.status is HTTPStatus.REQUEST_TIMEOUT)

    def _part(
        self, answer: bytes, before: RequestResponseCycle | None, *, is_late: bool = False
    ) -> None:
        """Read nothing more, and hang up with this answer, once there is the one before it."""
        self._began = None
        self._farewell = Farewell(self.transport, self, is_late=is_late)
        self.transport.set_protocol(self._farewell)
        say = partial(self._farewell.say, answer, self.flow)
        if before is None or before.response_complete:
            say()
        else:
            before.on_response = say


def leave(cycle: RequestResponseCycle, status: int) -> None:
    """To the application the client has gone: whatever it answers from now on is dropped, and the
    log says this status.
    """
    request_record(cast("Scope", cycle.scope)).abandon(status)
    cycle.disconnected = True
    cycle.message_event.set()
