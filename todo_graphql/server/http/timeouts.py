"""Timeouts for work that uses a connection to PostgreSQL."""

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
    """Return the result of the work.

    Raises Unavailable at the timeout, and at a TimeoutError of the work.

    A timeout or a cancellation aborts the connection. This frees the connection and its thread even
    if PostgreSQL has stopped, when its own timeouts have no effect. The outcome of work in one
    transaction is unknown after its COMMIT was sent, that of other work after its first write.
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
    """Return the result of the work, which as a whole has no limit.

    Raises TimeoutError when one statement waits longer: PostgreSQL's own timeouts have no effect if
    it has stopped.
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
