"""The live streams of one process, over any transport."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any

from todo_graphql.server.live.event_reader import Event, EventReader
from todo_graphql.server.live.hub import Hub
from todo_graphql.server.live.limits import require_stream_slot
from todo_graphql.server.live.stream import Sink, Stream, Subscriber
from todo_graphql.server.observability.live_statistics import (
    LiveStatistics,
    StreamEnd,
    StreamRecord,
)
from todo_graphql.server.slots import Slots

END_STREAMS = "end_streams"
"""The key, in the state of the ASGI lifespan, of the call that ends all streams."""


class LiveStreams:
    """The streams of one process, for use on its event loop."""

    def __init__(self, hub: Hub, reader: EventReader, statistics: LiveStatistics) -> None:
        self.hub = hub
        self.reader = reader
        self._statistics = statistics
        self._slots = Slots(require_stream_slot)
        statistics.count_streams = lambda: self._slots.total
        self._shutdown: asyncio.Future[None] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Receive hints and allow streams in the `async with` block."""
        self._shutdown = asyncio.get_running_loop().create_future()
        async with self.hub.receiving():
            yield
        self.close()

    @property
    def shutdown(self) -> asyncio.Future[None]:
        """Return the future that is done when the server stops."""
        assert self._shutdown is not None
        return self._shutdown

    def close(self) -> None:
        """End all streams, and each new one after its first event."""
        if self._shutdown is not None and not self._shutdown.done():
            self._shutdown.set_result(None)

    def slot(self, user: str) -> AbstractContextManager[None]:
        """Hold the slot of a stream. Raises RateLimited or Unavailable if there is none."""
        return self._slots.hold(user)

    async def run(
        self,
        subscriber: Subscriber,
        first: Event,
        sink: Sink,
        record: StreamRecord,
        disconnect: Coroutine[Any, Any, object],
    ) -> StreamEnd:
        """Send the events of a subscription until the stream ends, or `disconnect` returns.

        Returns the reason, which the record has, too.
        """
        stream = Stream(subscriber, self.reader, sink, record, self._statistics)
        end = StreamEnd.DISCONNECTED
        streaming = asyncio.create_task(stream.run(first))
        del first  # it can be large
        disconnecting = asyncio.create_task(disconnect)
        assert self._shutdown is not None
        try:
            ends = (streaming, disconnecting, self._shutdown)
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._shutdown.done():
                end = StreamEnd.SHUTDOWN
            elif streaming.done():
                end = StreamEnd.FAILED  # if it raises
                end = streaming.result()
        finally:
            streaming.cancel()
            disconnecting.cancel()
            record.end = end
        return end
