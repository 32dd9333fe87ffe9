"""Reader of the events of streams: each is one execution of the compiled operation."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

from graphql import ExecutionResult

from todo_graphql.api.context import Context
from todo_graphql.api.schema import GraphQLRequest
from todo_graphql.api.sync.live_reads import LiveRead
from todo_graphql.errors import ErrorCode, RateLimited, Unavailable
from todo_graphql.server.fair_semaphore import FairSemaphore
from todo_graphql.server.http.body import encode, error_codes, first_extension
from todo_graphql.server.http.disconnects import until_disconnect
from todo_graphql.server.live import limits
from todo_graphql.server.operation_runner import OperationRunner
from todo_graphql.store.sync.changes import Changes

RETRY_CODES = frozenset({ErrorCode.RATE_LIMITED.name, ErrorCode.UNAVAILABLE.name})


class Event(NamedTuple):
    """The result of an execution as JSON, and the page that it contains, None after a failure.

    Without `has_found`, the page has nothing to tell the client. A failure `is_internal` if it is
    no fault of the client.
    """

    body: bytes
    page: Changes | None
    has_found: bool
    is_internal: bool = False


class EventReader:
    """Reader of the events of all streams, a limited number at a time. Users share it fairly."""

    def __init__(self, runner: OperationRunner, max_reads: int) -> None:
        self._runner = runner
        self._reads = FairSemaphore(max_reads, limits.MAX_STREAMS)

    @asynccontextmanager
    async def first_turn(
        self, user: str, wait_for_disconnect: Callable[[], Awaitable[object]]
    ) -> AsyncIterator[None]:
        """Wait for the turn of a first read, and hold it in the `async with` block.

        Many streams that begin at once, such as after a restart, wait instead of being rejected.
        Raises Unavailable if too many wait, and ClientDisconnect.
        """
        async with until_disconnect(wait_for_disconnect):
            await self._reads.acquire(user)
        try:
            yield
        finally:
            self._reads.release(user)

    async def read(self, request: GraphQLRequest, context: Context) -> Event:
        """Execute the operation for the live read of the context.

        Raises RateLimited or Unavailable if the read must be repeated later.
        """
        read = context.live_read
        assert read is not None
        respond = partial(event_of, read)
        turn = self._reads.hold(context.viewer.key)
        return await self._runner.run(lambda: request, context, respond, turn=turn)


def event_of(read: LiveRead, result: ExecutionResult) -> Event:
    """Return the event of a result. Raises RateLimited or Unavailable."""
    if result.data is None:
        raise_for_retry(result)
    is_internal = ErrorCode.INTERNAL_SERVER_ERROR.name in error_codes(result)
    return Event(payload_of(result), read.page, read.has_found, is_internal)


def payload_of(result: ExecutionResult) -> bytes:
    """Return a result as JSON."""
    content: dict[str, object] = {"data": result.data}
    if result.errors:
        content["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        content["extensions"] = result.extensions
    return encode(content)


def raise_for_retry(result: ExecutionResult) -> None:
    """Raise RateLimited or Unavailable if a failed execution has no other errors."""
    codes = error_codes(result)
    if not codes <= RETRY_CODES:
        return
    seconds = first_extension(result, "retryAfter")
    retry_after = seconds if isinstance(seconds, int) else 1
    message = (result.errors or [])[0].message
    if ErrorCode.RATE_LIMITED.name in codes:
        raise RateLimited(message, retry_after=retry_after)
    raise Unavailable(message, retry_after=retry_after)
