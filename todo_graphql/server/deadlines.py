"""Work that is given up when it takes too long."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from todo_graphql.errors import OUTCOME_UNKNOWN, TOO_LATE, Unavailable
from todo_graphql.store.connection import ViewerConnection

T = TypeVar("T")


async def in_time(
    seconds: float,
    connection: ViewerConnection,
    work: Coroutine[Any, Any, T],
    *,
    in_one_transaction: bool = True,
) -> T:
    """What the work answers. After so many seconds, at a TimeoutError of its own, or once nobody
    waits for it any longer, what it does with the connection is broken off: neither that nor a
    thread is held, whatever PostgreSQL does, whose own time-outs do not help when it has stopped.

    Raises Unavailable when it is too late. Work that writes in one transaction, or not at all, is
    known to have done nothing until its COMMIT was sent; other work until it began to write.
    """
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        connection.abort()
        writes = connection.may_have_committed if in_one_transaction else connection.writes > 0
        raise Unavailable(OUTCOME_UNKNOWN if writes else TOO_LATE) from None
    except asyncio.CancelledError:
        connection.abort()
        raise


async def while_answered(
    seconds: float, connection: ViewerConnection, work: Coroutine[Any, Any, T]
) -> T:
    """What the work answers, however long that takes. Raises TimeoutError once a single statement
    of it has waited for so many seconds: PostgreSQL's own time-outs do nothing when it has stopped.
    """
    working = asyncio.create_task(work)
    try:
        while not working.done():
            left = seconds - connection.current_wait
            if left <= 0:
                raise TimeoutError
            await asyncio.wait({working}, timeout=left)
        return working.result()
    finally:
        working.cancel()
