"""Runner of operations: the one way from any transport to a worker thread."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeAlias, TypeVar

from graphql import ExecutionResult

from todo_graphql.api.context import Context
from todo_graphql.api.processor_time import call_charged
from todo_graphql.api.schema import REJECTION_COST, GraphQLRequest, Schema
from todo_graphql.errors import BadUserInput, PersistedQueryNotSupported
from todo_graphql.server.fair_queue import FairQueue
from todo_graphql.server.http.body import error_codes
from todo_graphql.server.http.timeouts import run_with_timeout
from todo_graphql.server.observability.request_record import RequestRecord
from todo_graphql.server.readiness import Readiness
from todo_graphql.server.thread_pool import Job

T = TypeVar("T")
Parse = Callable[[], GraphQLRequest]

Turn: TypeAlias = AbstractAsyncContextManager[None]
"""The turn of an operation that waits longer than the queue allows."""


class OperationRunner:
    """Runner of operations within a time limit, and the budget and fair share of their user."""

    def __init__(
        self, schema: Schema, readiness: Readiness, queue: FairQueue, timeout: float
    ) -> None:
        self._schema = schema
        self._readiness = readiness
        self._queue = queue
        self._timeout = timeout

    async def run(
        self,
        parse: Parse,
        context: Context,
        respond: Callable[[ExecutionResult], T],
        *,
        record: RequestRecord | None = None,
        on_start: Callable[[Job], None] | None = None,
        turn: Turn | None = None,
    ) -> T:
        """Parse and execute a request, and return its response, all on a worker thread.

        The `record` receives the codes of errors, and `on_start` the job, which can outlive this
        call. The time limit includes the wait for the `turn`.
        """

        def execute() -> T:
            request = parse_charged(parse, context)
            self._readiness.require_rls_check()
            with context.connection:
                result = self._schema.run(request, context)
                if result.errors and record is not None:
                    record.codes = error_codes(result)
                return respond(result)

        async def work() -> T:
            job = await self._queue.submit(
                context.viewer.key, partial(call_charged, context, execute)
            )
            if on_start is not None:
                on_start(job)
            response: T = await job.result()
            return response

        working = work() if turn is None else run_in_turn(turn, work)
        return await run_with_timeout(
            self._timeout, context.connection, working, in_one_transaction=False
        )

    async def call(self, context: Context, function: Callable[[], T]) -> T:
        """Call a function on a worker thread, and charge for its processor time."""
        return await self._queue.run(context.viewer.key, call_charged, context, function)


async def run_in_turn(turn: Turn, work: Callable[[], Awaitable[T]]) -> T:
    async with turn:
        return await work()


def parse_charged(parse: Parse, context: Context) -> GraphQLRequest:
    """Return the parsed request.

    Raises BadUserInput or PersistedQueryNotSupported, or RateLimited if the budget does not cover
    the rejection.
    """
    try:
        return parse()
    except (BadUserInput, PersistedQueryNotSupported):
        context.charge(REJECTION_COST)
        raise
