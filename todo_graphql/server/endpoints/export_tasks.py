"""GET and HEAD /export: all tasks of a user as a file."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from todo_graphql.api.context import Context
from todo_graphql.api.processor_time import call_charged
from todo_graphql.errors import BadUserInput, InputReason, Problem, Unavailable
from todo_graphql.server import routes
from todo_graphql.server.auth.dependency import ContextGetter
from todo_graphql.server.data_files.formats import FORMATS
from todo_graphql.server.endpoints.export_limits import require_export_slot
from todo_graphql.server.endpoints.query_parameters import parse_file_parameters
from todo_graphql.server.fair_queue import FairQueue
from todo_graphql.server.http.chunks import require_chunks
from todo_graphql.server.http.disconnects import cancel_on_disconnect
from todo_graphql.server.http.timeouts import run_with_timeout
from todo_graphql.server.http.unsent_responses import RESPONSE_PIECE_BYTES
from todo_graphql.server.observability.request_record import request_record
from todo_graphql.server.protocol.limits import EXPORT_RATE
from todo_graphql.server.readiness import Readiness
from todo_graphql.server.slots import Slots
from todo_graphql.store.tasks.rows import TaskRow
from todo_graphql.store.tasks.transfer.export_pages import EXPORT_PAGE_SIZE

logger = logging.getLogger(__name__)

TOO_SLOW = "The client read the export too slowly."

TASK_COST = 15
"""The cost of a task with all its fields in an operation."""


def export_router(
    get_context: ContextGetter, readiness: Readiness, queue: FairQueue, timeout: float
) -> APIRouter:
    """Return the route of the export.

    The file is sent page by page. A page is read after the previous one was sent: a slow client
    holds neither a connection nor a thread, and one page is in memory.

    Each page is charged. An export is rejected if the budget does not cover a whole page. A
    running export is completed. Each page has `timeout` seconds, like an operation. HEAD reads no
    page.
    """
    router = APIRouter()
    slots = Slots(require_export_slot)

    @router.api_route(routes.EXPORT, methods=["GET", "HEAD"])
    async def export(
        request: Request, context: Annotated[Context, Depends(get_context)]
    ) -> FileResponse:
        request_record(request.scope).context = context
        given = parse_file_parameters(request, context, "format")
        require_chunks(request.scope)
        name = _parse_format(given.get("format", "json"))

        async def run_in_queue(call: Callable[[], bytes | None]) -> bytes | None:
            work = queue.run(context.viewer.key, call_charged, context, call)
            return await run_with_timeout(timeout, context.connection, work)

        if request.method == "HEAD":
            check = partial(run_in_queue, readiness.require_rls_check)
            return FileResponse(await check(), check, ExitStack(), name)
        pieces = FORMATS[name].write(_charged(context, context.tasks().iter_all()))
        with ExitStack() as slot:
            slot.enter_context(slots.hold(context.viewer.key))
            # An error before the first piece is an error response. A later error closes the
            # connection, so that no client takes a part of the file for the whole.
            first = await run_in_queue(partial(_first_piece, readiness, context, pieces))
            read_next = partial(run_in_queue, partial(next_piece, context, pieces))
            return FileResponse(first, read_next, slot.pop_all(), name)

    return router


class FileResponse(Response):
    """A response in pieces.

    It ends early when the client or the database is gone, or when the client reads too slowly.
    `name` is that of the format. `slot` is closed at the end of the response.
    """

    def __init__(
        self,
        first: bytes | None,
        read_next: Callable[[], Awaitable[bytes | None]],
        slot: ExitStack,
        name: str,
    ) -> None:
        headers = {"content-disposition": f'attachment; filename="tasks.{name}"'}
        super().__init__(headers=headers, media_type=f"{FORMATS[name].media_type}; charset=utf-8")
        del self.headers["content-length"]
        self._piece = first
        self._read_next = read_next
        self._sent, self._sending_seconds = 0, 0.0
        self._slot = slot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces. Raises ClientDisconnect when the client disconnects before."""
        request, record = Request(scope, receive), request_record(scope)
        with self._slot:
            try:
                await cancel_on_disconnect(request, self._send(send), lambda: None)
            except Problem as problem:
                record.codes = frozenset({problem.code.name})
                record.abandon(problem.status)
                logger.warning("An export ended early: %s", problem.message)

    async def _send(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        while self._piece is not None:
            await self._send_piece(self._piece, send)
            self._piece = None  # its memory is free while the next one is read
            self._piece = await self._read_next()
        await send({"type": "http.response.body", "body": b""})

    async def _send_piece(self, piece: bytes, send: Send) -> None:
        """Send a piece. Raises Unavailable if the client reads too slowly: it would hold a slot.

        The time in which the next piece is read is not the client's.
        """
        now = asyncio.get_running_loop().time
        for begin in range(0, len(piece), RESPONSE_PIECE_BYTES):
            part = piece[begin : begin + RESPONSE_PIECE_BYTES]
            message = {"type": "http.response.body", "body": part, "more_body": True}
            began = now()
            left = EXPORT_RATE.allowed_seconds(self._sent) - self._sending_seconds
            try:
                async with asyncio.timeout(left):
                    await send(message)
            except TimeoutError:
                raise Unavailable(TOO_SLOW) from None
            self._sending_seconds += now() - began
            self._sent += len(part)


def _parse_format(name: str) -> str:
    if name not in FORMATS:
        raise BadUserInput(
            "`format` must be either `json` or `csv`.",
            reason=InputReason.UNKNOWN_VALUE,
            field="format",
        )
    return name


def _first_piece(readiness: Readiness, context: Context, pieces: Iterator[bytes]) -> bytes | None:
    readiness.require_rls_check()
    context.charge(EXPORT_PAGE_SIZE * TASK_COST)
    return next_piece(context, pieces)


def _charged(context: Context, pages: Iterator[list[TaskRow]]) -> Iterator[list[TaskRow]]:
    """Charge each page after the first one, which was charged before."""
    for number, rows in enumerate(pages):
        if number:
            context.deduct(len(rows) * TASK_COST)
        yield rows


def next_piece(context: Context, pieces: Iterator[bytes]) -> bytes | None:
    """Return the next piece of the file, or None at its end, and release the connection."""
    with context.connection:
        return next(pieces, None)
