"""Time-outs for work that uses a connection to PostgreSQL."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from todo_graphql.errors import OUTCOME_UNKNOWN, TOO_LATE, Unavailable
from todo_graphql.store.postgres.connection import ViewerConnection

T = TypeVar("T")


async def run_with_timeout(
    seconds: float,
    connection: ViewerConnection,
    work: Coroutine[Any, Any, T],
    *,
    in_one_transaction: bool = True,
) -> T:
    """Return the result of the work. After so many seconds, at a TimeoutError of the work, or on
    cancellation, the connection is aborted. This frees the connection and the thread even when
    PostgreSQL has stopped, and its own time-outs do nothing.

    Raises Unavailable at a time-out. Work in one transaction has had no effect before its COMMIT
    was sent; other work has had none before its first write.
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


async def run_with_statement_timeout(
    seconds: float, connection: ViewerConnection, work: Coroutine[Any, Any, T]
) -> T:
    """Return the result of the work, without a limit for all of it. Raises TimeoutError when one
    statement waits for so many seconds: PostgreSQL's own time-outs do nothing when it has stopped.
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
