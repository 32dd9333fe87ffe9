"""Streams over HTTP: the response to a subscription, which ends with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request
from starlette.types import Send

from todo_graphql.server.http.disconnects import wait_for_disconnect
from todo_graphql.server.http.unsent_responses import RESPONSE_PIECE_BYTES, UnsentResponses
from todo_graphql.server.live import limits
from todo_graphql.server.live.event_reader import Event
from todo_graphql.server.live.framings import Framing
from todo_graphql.server.live.stream import StreamEnded, Subscriber
from todo_graphql.server.live.streams import LiveStreams
from todo_graphql.server.observability.live_statistics import StreamEnd, StreamRecord
from todo_graphql.server.observability.request_record import request_record


class HTTPSink:
    """The sending side of a stream over HTTP.

    The transport ignores everything that is sent after a disconnect.
    """

    def __init__(self, send: Send, framing: Framing, user: str, unsent: UnsentResponses) -> None:
        self._send = send
        self.framing = framing
        self.user = user
        self._unsent = unsent

    async def open(self) -> None:
        """Send the head of the response, and what precedes the first event."""
        headers = [
            (name.lower().encode(), value.encode()) for name, value in self.framing.headers.items()
        ]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send_bytes(self.framing.opening)

    async def send_event(self, body: bytes) -> None:
        """Send a result. A large one takes a share of the memory for unsent responses."""
        content = self.framing.frame(body)
        async with send_deadline(len(content)):
            if len(content) <= RESPONSE_PIECE_BYTES:
                await self._send_bytes(content)
                return
            async with self._unsent.share(self.user, len(content)):
                for start in range(0, len(content), RESPONSE_PIECE_BYTES):
                    await self._send_bytes(content[start : start + RESPONSE_PIECE_BYTES])

    async def send_heartbeat(self) -> None:
        async with send_deadline(0):
            await self._send_bytes(self.framing.heartbeat)

    async def drain(self) -> None:
        """Wait until the transport has room: it is asked before each part of a body."""
        async with send_deadline(0):
            await self._send_bytes(b"")

    async def complete(self) -> None:
        """Tell the client that the subscription has completed."""
        await self._send_bytes(self.framing.completion, is_last=True)

    async def _send_bytes(self, content: bytes, *, is_last: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": content, "more_body": not is_last})


@asynccontextmanager
async def send_deadline(size: int) -> AsyncIterator[None]:
    """Limit the time in which the client reads this number of bytes. Raises StreamEnded."""
    try:
        async with asyncio.timeout(limits.SEND_RATE.allowed_seconds(size)):
            yield
    except TimeoutError:
        raise StreamEnded(StreamEnd.TOO_SLOW) from None


async def respond_by_stream(
    streams: LiveStreams, subscriber: Subscriber, first: Event, sink: HTTPSink, request: Request
) -> None:
    """Send the first event of a subscription and those of all further changes.

    A stream that ends without a completion leaves its response incomplete. The connection closes,
    and every client takes this for an error of the network, after which it subscribes again.
    Raises RateLimited or Unavailable before the response if there is no slot for the stream.
    """
    record = request_record(request.scope)
    with streams.slot(sink.user):
        record.stream = stream = StreamRecord(sink.framing.name)
        record.abandon(200)  # every end of a stream is regular
        await sink.open()
        disconnect = wait_for_disconnect(request)
        running = streams.run(subscriber, first, sink, stream, disconnect)
        del first
        if await running is StreamEnd.COMPLETED:
            await sink.complete()
