"""The charge for processor time: what a request takes beyond the cost of its shape.

The time is known after the work, and the cost of the shape before it. A request costs the greater
of both (decision 0019). The shape has lists of their maximum size: the part of fields that were not
returned is charged back.
"""

from collections.abc import Callable
from time import thread_time
from typing import ParamSpec, TypeVar

from todo_graphql.api.context import Context

P = ParamSpec("P")
T = TypeVar("T")

COST_PER_SECOND = 1_000_000
"""The cost of a second of a processor core."""

COST_OF_HTTP = 400
"""The cost of the event loop's part of a request, or of a piece of a response."""

USUAL_SQL_SECONDS = 0.05
"""The time in PostgreSQL that costs nothing: mostly the way there and back."""

COST_PER_SQL_SECOND = 1_000_000
"""The cost of a second in PostgreSQL, beside the processor time."""


def call_charged(
    context: Context, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Call the function, and charge the viewer for its processor time on this thread.

    The work is done, so its cost is deducted even if less remains.
    """
    return call_charged_since(context.charged, context, function, *args, **kwargs)


def call_charged_since(
    charged: int, context: Context, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Call the function, and charge for its processor time, less the costs charged already.

    The context has charged them since its costs were `charged`.
    """
    sql_seconds = context.sql_seconds if context.connection.timings else 0.0
    began = thread_time()
    try:
        return function(*args, **kwargs)
    finally:
        if not context.is_free:
            cost = COST_OF_HTTP + int((thread_time() - began) * COST_PER_SECOND)
            # The greater of time and shape, less what is charged already.
            cost = max(cost + charged - context.charged, -context.refundable)
            sql_seconds = context.sql_seconds - sql_seconds
            if sql_seconds > USUAL_SQL_SECONDS:
                cost += int(sql_seconds * COST_PER_SQL_SECOND)
            if cost > 0:
                context.deduct(cost)
            elif cost:
                context.refund(-cost)
