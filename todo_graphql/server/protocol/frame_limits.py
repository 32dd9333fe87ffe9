"""The rate of WebSocket frames, and the time for one message."""

import asyncio

from websockets.frames import Frame, Opcode

from todo_graphql.server.protocol import limits

DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class FrameRate:
    """The frames of a connection by a token bucket. Input waits while it is exceeded."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._paid_until = 0.0

    def add(self, frames: int) -> None:
        since = max(self._paid_until, self._loop.time())
        self._paid_until = since + frames / limits.FRAMES_PER_SECOND

    @property
    def seconds_over(self) -> float:
        """Return the seconds until more frames are accepted, or a number that is not positive."""
        burst = limits.BURST_FRAMES / limits.FRAMES_PER_SECOND
        return self._paid_until - self._loop.time() - burst


class MessageClock:
    """The time since a message has begun, from its first byte to the last one of its fragments."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._since = 0.0
        self.received = 0  # bytes since then, at the end of the input
        self._unparsed = 0  # bytes of a frame that is incomplete
        self._is_fragmented = False

    def add(self, size: int) -> None:
        """Count bytes of input."""
        if not self.is_running:
            self._begin()
        self.received += size
        self._unparsed += size

    def accept(self, frame: Frame) -> None:
        """Note that the counted bytes contain this frame."""
        length = len(frame.data)
        self._unparsed -= 6 + length + (0 if length < 126 else 2 if length < 65_536 else 8)
        if frame.opcode in DATA:
            self._is_fragmented = not frame.fin
            if frame.fin:
                self._begin()

    def _begin(self) -> None:
        """Start the time of the next message, whose first bytes may be counted already."""
        self.restart()
        self.received = self._unparsed

    def restart(self) -> None:
        self._since = self._loop.time()

    @property
    def is_running(self) -> bool:
        return self._unparsed > 0 or self._is_fragmented

    @property
    def is_late(self) -> bool:
        allowed = limits.REQUEST_RATE.allowed_seconds(self.received)
        return self.is_running and self._loop.time() - self._since > allowed
