"""How connections end whose clients may still be writing, or do not read."""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl

PATIENCE = 8.0
"""Seconds that a client may go on writing what nobody reads, and one more for each MIN_RATE bytes
that come.
"""

MIN_RATE = 10_000

HASTE = 0.5
"""Seconds for whoever is hung up on because they took too long: they have had their time."""

MOST_SECONDS = 60.0
"""In any case."""

MOST_BYTES = 32 * 1024 * 1024
"""As well: more than any body that is taken here, so that a client which sends a file that is too
large in one go, and reads then, finds the answer.
"""

STANDSTILL = 30.0
"""Seconds after which a client is given up that takes nothing of what is there for it."""


class Farewell(asyncio.Protocol):
    """What a connection is handed over to when nothing that comes by it is of interest any more.

    Who closes a connection while something comes in resets it: the client cannot go on writing,
    and may never see the answer. So the last word is followed by the end of our own half, and the
    other one is read, and forgotten, until the client ends it (RFC 9112, section 9.6).
    """

    def __init__(
        self, transport: asyncio.Transport, before: asyncio.Protocol, *, is_late: bool
    ) -> None:
        self._transport = transport
        self._is_late = is_late
        self._loop = asyncio.get_running_loop()
        self._said: float | None = None
        self._read = 0
        # Answers to what came before may still be on their way.
        self.pause_writing = before.pause_writing  # type: ignore[method-assign]
        self.resume_writing = before.resume_writing  # type: ignore[method-assign]
        self.connection_lost = before.connection_lost  # type: ignore[method-assign]

    def say(self, words: bytes, flow: FlowControl) -> None:
        """The last ones."""
        if self._transport.is_closing():
            return
        flow.resume_reading()
        self._said = self._loop.time()
        self._transport.write(words)
        try:
            self._transport.write_eof()
        except OSError:  # nobody is there
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._read += len(data)
        if self._read > MOST_BYTES:
            self._transport.abort()

    def is_over(self, now: float) -> bool:
        """Whether the client has had its time."""
        patience = HASTE if self._is_late else PATIENCE
        allowed = min(patience + self._read / MIN_RATE, MOST_SECONDS)
        return self._said is not None and now - self._said > allowed


class Unread:
    """A transport, as the answer to a request sees it that has not come in whole yet."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


class Outflow:
    """Whether a client takes what is there for it."""

    def __init__(self) -> None:
        self._waiting = 0
        self._since = 0.0

    def stands_still(self, waiting: int, now: float) -> bool:
        """When so many bytes wait now. To be asked now and then."""
        if waiting == 0 or waiting != self._waiting:
            self._waiting, self._since = waiting, now
        return now - self._since > STANDSTILL
