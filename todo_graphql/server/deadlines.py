"""Work that is given up when it takes too long."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from todo_graphql.errors import OUTCOME_UNKNOWN, TOO_LATE, Unavailable
from todo_graphql.store.connection import ViewerConnection

T = TypeVar("T")


async def in_time(seconds: float, connection: ViewerConnection, work: Coroutine[Any, Any, T]) -> T:
    """What the work answers. After so many seconds, or once nobody waits for it any longer, what
    it does with the connection is broken off: neither that nor a thread is held, whatever
    PostgreSQL does.

    Raises Unavailable when it is too late. It must write in a transaction, or not at all: then it
    is known to have done nothing until its COMMIT was sent.
    """
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        connection.abort()
        sentence = OUTCOME_UNKNOWN if connection.may_have_committed else TOO_LATE
        raise Unavailable(sentence) from None
    except asyncio.CancelledError:
        connection.abort()
        raise
