"""Reader of WebSocket messages: their fragments, their rate and their time."""

import asyncio
from collections.abc import Iterator

from starlette.types import Message
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from todo_graphql.server.protocol import limits
from todo_graphql.server.protocol.frame_limits import FrameRate, MessageClock


class MessageError(ValueError):
    """A message is not acceptable. The connection closes with this code."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class FrameReader:
    """A reader that makes messages of the frames that `websockets` parses."""

    def __init__(self, frames: ServerProtocol, loop: asyncio.AbstractEventLoop) -> None:
        self._frames = frames
        self._fragments = list[bytes]()
        self._is_text = False
        self.rate = FrameRate(loop)
        self.clock = MessageClock(loop)

    def read(self, piece: bytes) -> Iterator[Request | Message]:
        """Parse a piece of input. Raises MessageError.

        Yields the request of the handshake, or messages (ASGI), the last one of which can be the
        disconnect.
        """
        self._frames.receive_data(piece)
        events = self._frames.events_received()
        self.clock.add(len(piece))
        self.rate.add(len(events))
        for event in events:
            if not isinstance(event, Frame):
                assert isinstance(event, Request)
                self.clock.forget_head()
                yield event
                continue
            self.clock.accept(event)
            message = self._message_of(event)
            if message is not None:
                yield message

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
