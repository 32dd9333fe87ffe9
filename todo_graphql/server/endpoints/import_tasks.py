"""POST /import: the tasks of a file, imported in one transaction."""

import asyncio
import uuid
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Message, Receive

from todo_graphql.api.context import Context
from todo_graphql.api.processor_time import call_charged
from todo_graphql.errors import BadUserInput
from todo_graphql.server import routes
from todo_graphql.server.auth.dependency import ContextGetter
from todo_graphql.server.data_files.formats import FORMATS, Format
from todo_graphql.server.data_files.records import Record, error_line, task_of
from todo_graphql.server.endpoints.concurrency_limiter import ConcurrencyLimiter
from todo_graphql.server.endpoints.query_parameters import check_user_id
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
"""The approximate size of a field in a file. A field costs 1, as in an operation."""

MAX_CONCURRENT_IMPORTS = 4
"""The most imports of a process, of which each has its body in memory. They use at most half of the
threads.
"""

BODY_SECONDS = 60.0
"""The time limit for a whole body."""

BODY_GRACE_SECONDS = 8.0
"""The time limit for a body, which each BODY_BYTES_PER_SECOND received bytes extend by a second."""

BODY_BYTES_PER_SECOND = 50_000

IMPORT_SECONDS = 120.0
"""The time limit for an import, after its body was received."""


def import_router(
    get_context: ContextGetter, readiness: Readiness, queue: FairQueue, timeout: float
) -> APIRouter:
    """Return the route of the import.

    The whole body is read, charged by its length, and parsed on the thread that executes the
    statements. A request without a slot is rejected before its body is read.

    The transaction is aborted when the client disconnects, unless its COMMIT was sent. Otherwise
    it would block the user's other writes, and a repeated import would duplicate tasks without an
    id. Each statement has `timeout` seconds, like an operation.
    """
    router = APIRouter()
    limiter = ConcurrencyLimiter(min(MAX_CONCURRENT_IMPORTS, queue.max_per_owner))

    @router.post(routes.IMPORT)
    async def import_tasks(
        request: Request, context: Annotated[Context, Depends(get_context)]
    ) -> JSONResponse:
        request_record(request.scope).context = context
        check_user_id(request, context)
        kind = _format_from_content_type(request)
        owner, connection = context.viewer.id, context.connection
        with limiter.slot(owner):
            body = await _read_body_in_time(request)
            call = partial(_import_file, readiness, context, kind, body)
            work = queue.run(owner, call_charged, context, call)
            statements = run_with_statement_timeout(timeout, connection, work)
            awaited = cancel_on_disconnect(request, statements, connection.abort)
            done = await run_with_timeout(IMPORT_SECONDS, connection, awaited)
        return JSONResponse(done._asdict())

    return router


def _format_from_content_type(request: Request) -> Format:
    media_type, charsets = content_type(header(request.scope, b"content-type"))
    kinds = [kind for kind in FORMATS.values() if kind.media_type == media_type]
    if not kinds or not charsets <= UTF_8:
        raise BadUserInput(
            "Unsupported media type: send the tasks as `Content-Type: application/json` or "
            "`text/csv`, in UTF-8.",
            status=415,
        )
    return kinds[0]


async def _read_body_in_time(request: Request) -> bytes:
    """Return the body. Raises BadUserInput with status 408 or 413."""
    try:
        async with asyncio.timeout(BODY_SECONDS), asyncio.timeout(BODY_GRACE_SECONDS) as deadline:
            timed = Request(request.scope, _extending(deadline, request.receive))
            return await read_at_most(MAX_IMPORT_BYTES, timed)
    except TimeoutError:
        raise BadUserInput(
            f"The upload is too slow: send at least {BODY_BYTES_PER_SECOND:,} bytes per second "
            f"and the whole file within {BODY_SECONDS:g} seconds.",
            status=408,
        ) from None


def _extending(deadline: asyncio.Timeout, receive: Receive) -> Receive:
    """Return a `receive` that extends the deadline by the time that each part may take."""

    async def receive_and_extend() -> Message:
        message = await receive()
        seconds = len(message.get("body", b"")) / BODY_BYTES_PER_SECOND
        deadline.reschedule((deadline.when() or 0.0) + seconds)
        return message

    return receive_and_extend


def _import_file(readiness: Readiness, context: Context, kind: Format, body: bytes) -> Imported:
    readiness.require_rls_check()
    context.charge(len(body) // BYTES_PER_COST + 1)
    tasks = tasks_of(kind.read(text_of(body)))
    with context.connection:
        return context.tasks().import_tasks(tasks)


def text_of(body: bytes) -> str:
    """Return the decoded text. Raises BadUserInput with the line of the first invalid byte."""
    try:
        return body.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        with error_line(body.count(b"\n", 0, error.start) + 1):
            raise BadUserInput("The file is not encoded in UTF-8.") from None


def tasks_of(records: Iterable[tuple[int, Record]]) -> Iterator[NewTask]:
    """Yield the tasks of the records. Raises BadUserInput with the line of an invalid task, a
    duplicate id, or a task beyond the limit.
    """
    ids = set[uuid.UUID]()
    for number, (line, record) in enumerate(records, 1):
        with error_line(line):
            if number > MAX_IMPORT_TASKS:
                raise BadUserInput(f"A file can contain at most {MAX_IMPORT_TASKS:,} tasks.")
            task = task_of(record)
            if task.id in ids:
                raise BadUserInput(
                    "Duplicate id: an earlier task of the file has this id.", field="id"
                )
        if task.id is not None:
            ids.add(task.id)
        yield task
