"""GET /export: all of one's tasks as a file."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import StreamingResponse

from todo_graphql.api.context import Context
from todo_graphql.errors import BadUserInput, RateLimited
from todo_graphql.server import routes
from todo_graphql.server.auth.dependency import ContextGetter
from todo_graphql.server.data_files.formats import FORMATS
from todo_graphql.server.http.timeouts import run_with_timeout
from todo_graphql.server.observability.request_record import request_record
from todo_graphql.server.readiness import Readiness
from todo_graphql.server.thread_pool import FairQueue
from todo_graphql.store.tasks.rows import TaskRow
from todo_graphql.store.tasks.transfer import EXPORT_PAGE_SIZE

TASK_COST = 15
"""What a task with all its fields costs in an operation."""


def export_router(
    get_context: ContextGetter, readiness: Readiness, queue: FairQueue, timeout: float
) -> APIRouter:
    """Return the route of the export.

    The file is sent page by page. The next page is read when the previous one has been sent: a
    slow client holds neither a connection nor a thread, and one page is in memory.

    Each page is charged. An export does not begin when the budget has no room for a whole page;
    an export that has begun is finished. Each page has `timeout` seconds, like an operation.
    """
    router = APIRouter()

    @router.get(routes.EXPORT)
    async def export(
        request: Request, context: Annotated[Context, Depends(get_context)]
    ) -> StreamingResponse:
        request_record(request.scope).context = context
        name = _format_of(request)
        kind = FORMATS[name]

        async def in_turn(call: Callable[[], bytes | None]) -> bytes | None:
            work = queue.run(context.viewer.id, call)
            return await run_with_timeout(timeout, context.connection, work)

        pieces = kind.write(_charged(context, context.tasks().iter_all()))
        # What fails before the first piece is a proper answer. What fails later breaks the
        # connection off, so that no client takes a part for the whole.
        first = await in_turn(partial(_first, readiness, context, pieces))
        return StreamingResponse(
            _stream(first, partial(in_turn, partial(next_piece, context, pieces))),
            headers={
                "Content-Type": f"{kind.media_type}; charset=utf-8",
                "Content-Disposition": f'attachment; filename="tasks.{name}"',
            },
        )

    return router


def _format_of(request: Request) -> str:
    given = request.query_params.getlist("format") or ["json"]
    if len(given) > 1 or given[0] not in FORMATS:
        raise BadUserInput("`format` must be `json` or `csv`, given once.", field="format")
    return given[0]


def _first(readiness: Readiness, context: Context, pieces: Iterator[bytes]) -> bytes | None:
    readiness.require_proof()
    context.charge(EXPORT_PAGE_SIZE * TASK_COST)
    return next_piece(context, pieces)


def _charged(context: Context, pages: Iterator[list[TaskRow]]) -> Iterator[list[TaskRow]]:
    """Those after the first, which is paid for."""
    for number, rows in enumerate(pages):
        if number:
            with suppress(RateLimited):
                context.charge(len(rows) * TASK_COST)
        yield rows


def next_piece(context: Context, pieces: Iterator[bytes]) -> bytes | None:
    """None after the last. The connection is given back in any case."""
    with context.connection:
        return next(pieces, None)


async def _stream(
    first: bytes | None, following: Callable[[], Awaitable[bytes | None]]
) -> AsyncIterator[bytes]:
    piece = first
    while piece is not None:
        yield piece
        piece = await following()
