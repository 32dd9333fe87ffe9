"""One live stream: it reads the changes from its own cursor, and sends them.

No change can be missed. The flag is cleared before each read, so a hint during the read leads to
another one. A read sees all writes up to a revision, because a write takes its revision under a
lock that it holds until it is visible. A check finds the writes whose hints were lost.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, TypeVar

from graphql import OperationDefinitionNode

from todo_graphql.api.schema import GraphQLRequest
from todo_graphql.api.sync.live_reads import LiveRead
from todo_graphql.errors import InvalidToken, RateLimited, Unavailable
from todo_graphql.server.auth.dependency import Session
from todo_graphql.server.live import limits
from todo_graphql.server.live.backoff import Backoff
from todo_graphql.server.live.event_reader import Event, EventReader
from todo_graphql.server.live.hub import WakeFlag
from todo_graphql.server.observability.live_statistics import (
    LiveStatistics,
    StreamEnd,
    StreamRecord,
)

T = TypeVar("T")


class Sink(Protocol):
    """The sending side of a stream, on its transport.

    Its methods raise StreamEnded for a client that is disconnected, or that reads too slowly.
    """

    async def send_event(self, body: bytes) -> None:
        """Send a result, which is JSON. Raises Unavailable if there is no memory for it."""

    async def send_heartbeat(self) -> None:
        """Send something that a client ignores, and proxies count as activity."""

    async def drain(self) -> None:
        """Wait until the client has read nearly everything that was sent."""


def stream_request(request: GraphQLRequest, operation: OperationDefinitionNode) -> GraphQLRequest:
    """Return a request without the variables that its operation does not declare.

    A stream keeps the others, which the execution has found to be short.
    """
    declared = {each.variable.name.value for each in operation.variable_definitions or ()}
    given = request.variables or {}
    return replace(request, variables={name: given[name] for name in declared & given.keys()})


class Subscriber(NamedTuple):
    """The subscription of a client: its request, its session, and the flag of its user."""

    request: GraphQLRequest
    session: Session
    flag: WakeFlag


class StreamEnded(Exception):  # noqa: N818 - control flow
    """The stream has ended."""

    def __init__(self, end: StreamEnd) -> None:
        super().__init__()
        self.end = end


class Stream:
    """The loop of one stream. At most one event is in memory."""

    def __init__(
        self,
        subscriber: Subscriber,
        reader: EventReader,
        sink: Sink,
        record: StreamRecord,
        statistics: LiveStatistics,
    ) -> None:
        self._request, self._session, self._flag = subscriber
        self._reader = reader
        self._sink = sink
        self._record = record
        self._statistics = statistics
        self._now = asyncio.get_running_loop().time
        self._expires_at = self._now() + self._session.expires_at - time.time()
        self._heartbeat_at = self._read_at = self._now()
        self._hinted_at: float | None = None
        self._cursor: str | None = None  # before the first event
        self._must_read = False
        self._backoff = Backoff()

    async def run(self, first: Event) -> StreamEnd:
        """Send the first event, and then those of all changes, until the stream ends."""
        accepting = self._accept(first)
        del first
        try:
            await self._attempt(accepting)
            while True:
                if not self._must_read:
                    await self._wait(self._next_check(), for_hint=True)
                    await self._wait(self._read_at + limits.EVENT_SECONDS, for_hint=False)
                await self._attempt(self._read())
        except StreamEnded as ended:
            return ended.end

    async def _attempt(self, work: Coroutine[Any, Any, None]) -> None:
        """Await the work. Another read follows, after a pause, if it fails."""
        try:
            await work
        except (RateLimited, Unavailable) as problem:
            pause = self._backoff.next_pause(problem.retry_after)
        else:
            self._backoff.reset()
            return
        self._must_read = True
        await self._wait(self._now() + pause, for_hint=False)

    async def _read(self) -> None:
        """Read from the cursor and send what is found. Raises RateLimited or Unavailable."""
        await self._sink.drain()
        hinted_at = self._flag.clear()
        self._hinted_at = self._hinted_at or hinted_at
        self._read_at = self._now()
        context = self._verified(self._session.create_context)
        context.live_read = LiveRead(self._cursor, expects_changes=hinted_at is not None)
        try:
            event = await self._with_heartbeats(self._reader.read(self._request, context))
            await self._accept(event)
        finally:
            self._statistics.statements += context.statements

    async def _accept(self, event: Event) -> None:
        """Send an event, and advance the cursor behind it.

        A later event that has nothing to tell is not sent. Raises Unavailable if there is no memory
        for it.
        """
        if event.page is None and event.is_internal:
            raise StreamEnded(StreamEnd.FAILED)
        if event.has_found or self._cursor is None or event.page is None:
            await self._send(event.body)
        else:
            self._statistics.empty_reads += 1
        if event.page is None:
            raise StreamEnded(StreamEnd.COMPLETED)
        self._hinted_at = None
        self._cursor, self._must_read = event.page.cursor, event.page.has_more

    async def _send(self, body: bytes) -> None:
        await self._sink.send_event(body)
        self._heartbeat_at = self._now() + limits.HEARTBEAT_SECONDS
        self._record.events += 1
        self._record.bytes += len(body)
        self._statistics.events += 1
        if self._hinted_at is not None:
            self._statistics.observe_delay(time.perf_counter() - self._hinted_at)

    async def _send_heartbeat(self) -> None:
        """Send a heartbeat. A token whose key was withdrawn meanwhile ends the stream."""
        self._verified(self._session.create_context)
        await self._sink.send_heartbeat()
        self._heartbeat_at = self._now() + limits.HEARTBEAT_SECONDS

    async def _wait(self, until: float, *, for_hint: bool) -> None:
        """Wait until this time, or for a hint, and send heartbeats."""
        while self._now() < until and not (for_hint and self._flag.is_set):
            next_at = min(until, self._heartbeat_at, self._expires_at)
            if for_hint:
                await self._flag.wait(next_at)
            else:
                await asyncio.sleep(next_at - self._now())
            await self._keep_alive()

    async def _with_heartbeats(self, work: Awaitable[T]) -> T:
        """Return the result of the work, and send heartbeats meanwhile."""
        working = asyncio.ensure_future(work)
        try:
            while not working.done():
                next_at = min(self._heartbeat_at, self._expires_at)
                await asyncio.wait({working}, timeout=max(0.0, next_at - self._now()))
                if not working.done():
                    await self._keep_alive()
            return working.result()
        finally:
            working.cancel()

    async def _keep_alive(self) -> None:
        """End the stream when its token has expired, and send a heartbeat when it is due."""
        if self._now() >= self._expires_at:
            raise StreamEnded(StreamEnd.EXPIRED)
        if self._now() >= self._heartbeat_at:
            await self._send_heartbeat()

    def _verified(self, create: Callable[[], T]) -> T:
        """Return the result of a call that verifies the token."""
        try:
            return create()
        except InvalidToken:
            raise StreamEnded(StreamEnd.EXPIRED) from None

    def _next_check(self) -> float:
        """Return the time of the next check. Streams that began together are spread."""
        spread = random.uniform(1 - limits.CHECK_SPREAD, 1)  # noqa: S311 - not a secret
        return self._read_at + limits.CHECK_SECONDS * spread
