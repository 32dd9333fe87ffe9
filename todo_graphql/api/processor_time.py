"""The charge for processor time: what a request takes beyond the cost of its shape.

The time is known after the work, and the cost of the shape before it. A request costs the greater
of both (decision 0019).
"""

from collections.abc import Callable
from time import thread_time
from types import TracebackType
from typing import TypeVar

from todo_graphql.api.context import Context

T = TypeVar("T")

COST_PER_SECOND = 1_000_000
"""The cost of a second of a processor core."""

COST_OF_HTTP = 200
"""The cost of the event loop's part of a request, or of a piece of a response."""

USUAL_SQL_SECONDS = 0.1
COST_PER_SQL_SECOND = 100_000
"""The cost of a second in PostgreSQL, beside the processor time."""


class ChargedTime:
    """Context manager that charges a viewer for the processor time of a block on its thread.

    The block has been executed, so its cost is deducted even if less remains. A request that the
    budget does not cover is free, unless its document had to be parsed.
    """

    __slots__ = ("_began", "_charged", "_context", "_sql_seconds")

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._charged = self._context.charged
        self._sql_seconds = self._context.sql_seconds
        self._began = thread_time()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        context = self._context
        if context.is_free:
            return
        seconds = thread_time() - self._began
        cost = COST_OF_HTTP + int(seconds * COST_PER_SECOND) - (context.charged - self._charged)
        cost = max(0, cost)
        sql_seconds = context.sql_seconds - self._sql_seconds
        if sql_seconds > USUAL_SQL_SECONDS:
            cost += int(sql_seconds * COST_PER_SQL_SECOND)
        if cost:
            context.deduct(cost)


def call_charged(context: Context, call: Callable[[], T]) -> T:
    """Call the function on this thread, and charge its time."""
    with ChargedTime(context):
        return call()
