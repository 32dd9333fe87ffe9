"""Clients that do not wait for their answer."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")

CLIENT_WENT_AWAY = 499
"""What the log says where a client has left before the answer, as other servers' logs do."""

ENDED_AS = "todo_graphql.ended_as"
"""In a scope: the status of a request that did not get what the application answers, or not all
of it, because its connection has ended. What the transport has taken counts as sent.
"""


async def while_awaited(
    request: Request, work: Coroutine[Any, Any, T], give_up: Callable[[], None]
) -> T:
    """What the work answers, as long as the client is there. The body must have been read.

    Raises ClientDisconnect once it has gone: work that waits for its turn is not begun then, and
    what has been begun is given up.
    """
    working, leaving = asyncio.create_task(work), asyncio.create_task(departure(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        give_up()
        raise ClientDisconnect
    finally:
        working.cancel()
        leaving.cancel()


async def departure(request: Request) -> None:
    """Wait until the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
