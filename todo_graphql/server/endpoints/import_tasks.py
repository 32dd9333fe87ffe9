"""POST /import: tasks from a file, all of them or none."""

import asyncio
import uuid
from collections.abc import Iterable, Iterator
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Message, Receive

from todo_graphql.api.context import Context
from todo_graphql.errors import BadUserInput
from todo_graphql.server import routes
from todo_graphql.server.auth.dependency import ContextGetter
from todo_graphql.server.data_files.formats import FORMATS, Format
from todo_graphql.server.data_files.lines import at_line
from todo_graphql.server.data_files.records import Record, task_of
from todo_graphql.server.endpoints.concurrency_limiter import ConcurrencyLimiter
from todo_graphql.server.http.body import read_at_most
from todo_graphql.server.http.content_negotiation import UTF_8, content_type, header
from todo_graphql.server.http.disconnects import cancel_on_disconnect
from todo_graphql.server.http.timeouts import run_with_statement_timeout, run_with_timeout
from todo_graphql.server.observability.request_record import request_record
from todo_graphql.server.readiness import Readiness
from todo_graphql.server.thread_pool import FairQueue
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.transfer import Imported

MAX_IMPORT_BYTES = 10 * 1024 * 1024
MAX_IMPORT_TASKS = 100_000
BYTES_PER_COST = 20
"""About what a value of a task takes in a file; each costs one in an operation, too."""

MOST_AT_ONCE = 4
"""Imports of a process, and no more than half of its threads. Each has its body in memory."""

BODY_SECONDS = 60.0
"""For the whole body to come, after its head."""

BODY_PATIENCE = 8.0
"""Seconds that it has from the start, and one more for each BODY_RATE bytes that have come, so that
nobody keeps a place for nothing.
"""

BODY_RATE = 50_000
"""Bytes, that is 0.4 Mbit/s; 10 MiB within the minute take 1.4."""

IMPORT_SECONDS = 120.0
"""For all that is done when the body has come. 90,000 tasks take 13 on two cores, and several times
that where the database is far away or busy.
"""


def import_router(
    get_context: ContextGetter, readiness: Readiness, queue: FairQueue, timeout: float
) -> APIRouter:
    """Return the route of the import.

    The whole body is read, charged by its length, and then parsed on the thread that executes the
    statements. A request without a slot is refused before its body is read.

    The transaction is aborted when the client disconnects, unless its COMMIT was sent. Otherwise
    it would block the user's other writes, and a repeated import would duplicate tasks without an
    id. Each statement has `timeout` seconds, like an operation.
    """
    router = APIRouter()
    limiter = ConcurrencyLimiter(min(MOST_AT_ONCE, queue.max_per_owner))

    @router.post(routes.IMPORT)
    async def import_tasks(
        request: Request, context: Annotated[Context, Depends(get_context)]
    ) -> JSONResponse:
        request_record(request.scope).context = context
        kind = _format_of(request)
        owner, connection = context.viewer.id, context.connection
        with limiter.slot(owner):
            body = await _body_in_time(request)
            work = queue.run(owner, _bring_back, readiness, context, kind, body)
            statements = run_with_statement_timeout(timeout, connection, work)
            awaited = cancel_on_disconnect(request, statements, connection.abort)
            done = await run_with_timeout(IMPORT_SECONDS, connection, awaited)
        return JSONResponse(done._asdict())

    return router


def _format_of(request: Request) -> Format:
    """By the Content-Type. Raises BadUserInput with status 415."""
    media_type, charsets = content_type(header(request.scope, b"content-type"))
    kinds = [kind for kind in FORMATS.values() if kind.media_type == media_type]
    if not kinds or not charsets <= UTF_8:
        raise BadUserInput(
            "Send the tasks as `Content-Type: application/json` or `text/csv`, in UTF-8.",
            status=415,
        )
    return kinds[0]


async def _body_in_time(request: Request) -> bytes:
    """Raises BadUserInput with status 408 or 413."""
    try:
        async with asyncio.timeout(BODY_SECONDS), asyncio.timeout(BODY_PATIENCE) as pace:
            paced = Request(request.scope, _putting_off(pace, request.receive))
            return await read_at_most(MAX_IMPORT_BYTES, paced)
    except TimeoutError:
        raise BadUserInput(
            f"The file came too slowly: {BODY_RATE:,} bytes a second are the least, and "
            f"{BODY_SECONDS:g} seconds the most.",
            status=408,
        ) from None


def _putting_off(end: asyncio.Timeout, receive: Receive) -> Receive:
    """Each piece that is received puts the end off by the time that it may take."""

    async def receive_and_put_off() -> Message:
        message = await receive()
        end.reschedule((end.when() or 0.0) + len(message.get("body", b"")) / BODY_RATE)
        return message

    return receive_and_put_off


def _bring_back(readiness: Readiness, context: Context, kind: Format, body: bytes) -> Imported:
    readiness.require_proof()
    context.charge(len(body) // BYTES_PER_COST + 1)
    tasks = tasks_of(kind.read(text_of(body)))
    with context.connection:
        return context.tasks().import_tasks(tasks)


def text_of(body: bytes) -> str:
    """Raises BadUserInput, with the line, for what is not UTF-8."""
    try:
        return body.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        with at_line(body.count(b"\n", 0, error.start) + 1):
            raise BadUserInput("The file is not in UTF-8.") from None


def tasks_of(records: Iterable[tuple[int, Record]]) -> Iterator[NewTask]:
    """Raises BadUserInput, with the line, for what is no task, a task that is there twice, and
    one too many.
    """
    ids = set[uuid.UUID]()
    for number, (line, record) in enumerate(records, 1):
        with at_line(line):
            if number > MAX_IMPORT_TASKS:
                raise BadUserInput(f"A file has at most {MAX_IMPORT_TASKS:,} tasks.")
            task = task_of(record)
            if task.id in ids:
                raise BadUserInput("There is a task with this id before.", field="id")
        if task.id is not None:
            ids.add(task.id)
        yield task
