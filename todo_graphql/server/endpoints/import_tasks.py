"""POST /import: the tasks of a file, imported in one transaction."""

import asyncio
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse

from todo_graphql.api.context import Context
from todo_graphql.api.processor_time import call_charged_since
from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.server import routes
from todo_graphql.server.auth.dependency import ContextGetter
from todo_graphql.server.data_files.formats import FORMATS, Format
from todo_graphql.server.data_files.records import Record, error_line, task_of
from todo_graphql.server.endpoints.import_body import MAX_IMPORT_BYTES, receive_body
from todo_graphql.server.endpoints.import_turns import ImportTurns, Turn
from todo_graphql.server.endpoints.query_parameters import parse_file_parameters
from todo_graphql.server.endpoints.upload_budget import UploadBudget
from todo_graphql.server.fair_queue import FairQueue
from todo_graphql.server.http.body import declared_length
from todo_graphql.server.http.content_negotiation import UTF_8, content_type, header
from todo_graphql.server.http.disconnects import cancel_on_disconnect
from todo_graphql.server.http.timeouts import run_with_statement_timeout, run_with_timeout
from todo_graphql.server.observability.request_record import request_record
from todo_graphql.server.readiness import Readiness
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.transfer.imports import Imported
from todo_graphql.store.validation import require_task_id

MAX_IMPORT_TASKS = 100_000
BYTES_PER_COST = 20
"""The approximate size of a field in a file. A field costs 1, as in an operation."""

MAX_BUFFERED_BYTES = 64 * 1024 * 1024
"""The memory of a process for the bodies of imports."""

MAX_UPLOADS = 32
"""The imports of a process that are received, wait, or are processed."""

MAX_CONCURRENT_IMPORTS = 4
"""The imports of a process that are processed. They use at most half of the threads."""

PARSED_PIECE_BYTES = 4_096
"""The bytes that are parsed between two checks for an abort, unless they contain tasks."""

IMPORT_SECONDS = 120.0
"""The time limit for an import, after its body was received."""


def import_router(
    get_context: ContextGetter, readiness: Readiness, queue: FairQueue, timeout: float
) -> APIRouter:
    """Return the route of the import.

    The whole body is received, and parsed on the thread that executes the statements. Its bytes
    are charged before they are received, if their number is declared. Each statement has `timeout`
    seconds, like an operation.

    The import is aborted when the client disconnects, unless its COMMIT was sent. Otherwise it
    would block the user's other writes, and a repeated import would duplicate tasks without an
    id.
    """
    router = APIRouter()
    uploads, importer = UploadBudget(MAX_BUFFERED_BYTES, MAX_UPLOADS), Importer(queue)

    @router.post(routes.IMPORT)
    async def import_tasks(
        request: Request, context: Annotated[Context, Depends(get_context)]
    ) -> JSONResponse:
        request_record(request.scope).context = context
        parse_file_parameters(request, context)
        kind = _format_from_content_type(request)
        length = declared_length(request, MAX_IMPORT_BYTES)
        owner, connection = context.viewer.key, context.connection
        charge = partial(_charge, queue, context)
        with ExitStack() as resources:
            upload = resources.enter_context(uploads.upload(owner))
            await queue.run(owner, _check_before_upload, readiness, context, length or 0)
            await receive_body(request, length, upload, uploads, charge)
            work = importer.run(context, kind, upload.chunks, resources)
            statements = run_with_statement_timeout(timeout, connection, work)
            awaited = cancel_on_disconnect(request, statements, connection.abort)
            done = await run_with_timeout(IMPORT_SECONDS, connection, awaited)
        return _response(done)

    return router


class Importer:
    """The imports of a process after their bodies were received."""

    def __init__(self, queue: FairQueue) -> None:
        self._queue = queue
        self._places = asyncio.Semaphore(min(MAX_CONCURRENT_IMPORTS, queue.max_per_owner))
        self._turns = ImportTurns()

    async def run(
        self, context: Context, kind: Format, chunks: deque[bytearray], resources: ExitStack
    ) -> Imported:
        """Import a file.

        The thread holds the resources until it has finished, also after a disconnect or a timeout.
        """
        await self._places.acquire()
        resources.callback(self._places.release)
        turn = self._turns.turn(context.connection)
        # The bytes of the body are charged already: an import costs the greater of both.
        call = partial(call_charged_since, 0, context, _import_file, context, kind, chunks, turn)
        job = await self._queue.submit(context.viewer.key, call)
        job.add_end_callback(resources.pop_all().close)
        done: Imported = await job.result()
        return done


def _format_from_content_type(request: Request) -> Format:
    media_type, charsets = content_type(header(request.scope, b"content-type"))
    kinds = [kind for kind in FORMATS.values() if kind.media_type == media_type]
    if not kinds or not charsets <= UTF_8:
        raise BadUserInput(
            "Unsupported media type: send the tasks as `Content-Type: application/json` or "
            "`text/csv`, in UTF-8.",
            reason=InputReason.UNSUPPORTED_REQUEST,
            status=415,
        )
    return kinds[0]


async def _charge(queue: FairQueue, context: Context, size: int) -> None:
    """Charge for the bytes of a body."""
    cost = size // BYTES_PER_COST + 1
    if context.budget is not None and context.budget.waits_for_redis:
        await queue.run(context.viewer.key, context.charge, cost)
    else:
        context.charge(cost)


def _response(done: Imported) -> JSONResponse:
    return JSONResponse(
        {
            "created": done.created,
            "existing": done.existing,
            "inTrash": done.in_trash,
            "revision": done.revision,
        }
    )


def _check_before_upload(readiness: Readiness, context: Context, length: int) -> None:
    """Raise the errors that do not depend on the content of the file.

    These are Unavailable before the server is ready, and RateLimited for a file that the budget
    does not cover.
    """
    readiness.require_rls_check()
    context.require_budget(length // BYTES_PER_COST + 1)


def _import_file(context: Context, kind: Format, chunks: deque[bytearray], turn: Turn) -> Imported:
    tasks = tasks_of(kind.read(_consume(chunks, turn)), context.viewer.key)
    with context.connection:
        return context.tasks().import_tasks(_in_turn(tasks, turn), turn)


def _consume(chunks: deque[bytearray], turn: Turn) -> Iterator[bytearray]:
    """Yield the body in pieces, and free its chunks."""
    while chunks:
        chunk = chunks.popleft()
        for start in range(0, len(chunk), PARSED_PIECE_BYTES):
            turn.check()
            yield chunk[start : start + PARSED_PIECE_BYTES]


def tasks_of(records: Iterable[tuple[int, Record]], user_id: str) -> Iterator[NewTask]:
    """Yield the tasks of the records.

    Raises BadUserInput with the line of an invalid task, a duplicate id, the id of the user, or a
    task beyond the limit.
    """
    ids = set[uuid.UUID]()
    for number, (line, record) in enumerate(records, 1):
        with error_line(line):
            if number > MAX_IMPORT_TASKS:
                raise BadUserInput(
                    f"A file can contain at most {MAX_IMPORT_TASKS:,} tasks.",
                    reason=InputReason.TOO_MANY,
                    max=MAX_IMPORT_TASKS,
                )
            task = task_of(record)
            require_task_id(task.id, user_id, "id")
            if task.id in ids:
                raise BadUserInput(
                    "Duplicate id: an earlier task of the file has this id.",
                    reason=InputReason.DUPLICATE,
                    field="id",
                )
        if task.id is not None:
            ids.add(task.id)
        yield task


def _in_turn(tasks: Iterator[NewTask], turn: Turn) -> Iterator[NewTask]:
    """Yield the tasks, and check the turn before each."""
    for task in tasks:
        turn.check()
        yield task
