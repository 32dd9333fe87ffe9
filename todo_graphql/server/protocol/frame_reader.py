"""Reader of WebSocket messages: their fragments, their rate and their time."""

import asyncio
import logging
from collections.abc import Iterator

from starlette.types import Message
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from todo_graphql.server.protocol import limits
from todo_graphql.server.protocol.frame_limits import DATA, FrameRate, MessageClock

logger = logging.getLogger(__name__)


class MessageError(ValueError):
    """A message is not acceptable. The connection closes with this code."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class FramesLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger without the lower levels, at which `websockets` logs frames: one can be a token."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name of logging
        return level >= logging.WARNING and super().isEnabledFor(level)


def create_frames(max_size: int) -> ServerProtocol:
    """Return the state of a connection behind its opening handshake."""
    return ServerProtocol(state=OPEN, max_size=max_size, logger=FramesLogger(logger, {}))


class FrameReader:
    """A reader that makes messages of the frames that `websockets` parses.

    The messages of a client that is not authenticated are short.
    """

    def __init__(self, frames: ServerProtocol, loop: asyncio.AbstractEventLoop) -> None:
        self._frames = frames
        self.is_authenticated = False
        self._fragments = list[bytes]()
        self._is_text = False
        self.rate = FrameRate(loop)
        self.clock = MessageClock(loop)

    def authenticate(self) -> None:
        """Accept messages of the full size."""
        self.is_authenticated = True

    def read(self, piece: bytes) -> Iterator[Message]:
        """Parse a piece of input. Raises MessageError.

        Yields messages (ASGI), the last one of which can be the disconnect.
        """
        self._frames.receive_data(piece)
        events = self._frames.events_received()
        self.clock.add(len(piece))
        for event in events:
            assert isinstance(event, Frame)
            self.rate.add(1 if event.opcode in DATA else limits.CONTROL_FRAME_WEIGHT)
            self.clock.accept(event)
            message = self._message_of(event)
            if message is not None:
                yield message
        if not self.is_authenticated and self.clock.received > limits.MAX_INIT_BYTES:
            raise MessageError(CloseCode.MESSAGE_TOO_BIG, "The first message is too long.")

    def _message_of(self, frame: Frame) -> Message | None:
        """Return the message that the frame completes. `websockets` answers pings itself."""
        if frame.opcode in (Opcode.PING, Opcode.PONG):
            return None
        if frame.opcode is Opcode.CLOSE:
            close = self._frames.close_rcvd
            assert close is not None
            return {"type": "websocket.disconnect", "code": close.code, "reason": close.reason}
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        self._fragments.append(bytes(frame.data))
        if len(self._fragments) > limits.MAX_FRAGMENTS:
            raise MessageError(CloseCode.POLICY_VIOLATION, "The message has too many fragments.")
        return self._complete_message() if frame.fin else None

    def _complete_message(self) -> Message:
        content, self._fragments = b"".join(self._fragments), []
        if not self._is_text:
            return {"type": "websocket.receive", "bytes": content}
        try:
            return {"type": "websocket.receive", "text": content.decode()}
        except UnicodeDecodeError:
            raise MessageError(CloseCode.INVALID_DATA, "The message is not UTF-8.") from None
