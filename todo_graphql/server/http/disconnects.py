"""Cancellation of work when the client disconnects."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")

CLIENT_CLOSED_REQUEST = 499
"""The status that is logged when a client disconnects before the response, as in nginx."""


async def cancel_on_disconnect(
    request: Request, work: Coroutine[Any, Any, T], abort: Callable[[], None]
) -> T:
    """Return the result of the work. The body of the request must have been read.

    Raises ClientDisconnect when the client disconnects before: queued work does not start, and
    running work is aborted.
    """
    working = asyncio.create_task(work)
    disconnect = asyncio.create_task(wait_for_disconnect(request))
    try:
        await asyncio.wait((working, disconnect), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        abort()
        raise ClientDisconnect
    finally:
        working.cancel()
        disconnect.cancel()


@asynccontextmanager
async def until_disconnect(wait: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Raise ClientDisconnect in the `async with` block when the client disconnects before its end.

    `wait` waits for the disconnect.
    """

    async def watch(deadline: asyncio.Timeout) -> None:
        await wait()
        deadline.reschedule(0)

    try:
        async with asyncio.timeout(None) as deadline:
            watching = asyncio.create_task(watch(deadline))
            try:
                yield
            finally:
                watching.cancel()
    except TimeoutError:
        raise ClientDisconnect from None


async def wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
