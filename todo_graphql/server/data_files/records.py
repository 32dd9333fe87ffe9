"""Records: tasks with the field names of the API, independent of the file format."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from graphql import GraphQLError

from todo_graphql.api.scalars import date_time, full_date, uuid_of
from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.models import Priority
from todo_graphql.store.tasks.rows import NewTask, TaskRow
from todo_graphql.store.validation import require_few_tags

FIELDS = (
    "id",
    "title",
    "description",
    "priority",
    "dueOn",
    "dueAt",
    "tags",
    "completedAt",
    "createdAt",
    "deletedAt",
)
"""The fields of an exported record, in the order of the CSV columns."""

IMPORTED_FIELDS = (*FIELDS, "completed")
"""The fields of a record to import. `completed` is that of `createTask`."""

PRIORITY_NAMES = ", ".join(Priority.__members__)

PART_BYTES = 524_288
"""The size from which on a part of a file is complete. A part exceeds it by less than one task."""

Record = Mapping[str, Any]
"""A mapping of field names to texts. `tags` is a list, and `completed` can be a boolean. Each field
may be missing or None.
"""


def record_of(row: TaskRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "description": row.description,
        "priority": Priority(row.priority).name,
        "dueOn": row.due_on,
        "dueAt": row.due_at,
        "tags": row.tags,
        "completedAt": row.completed_at,
        "createdAt": row.created_at,
        "deletedAt": row.deleted_at,
    }


def divide(lines: Iterable[bytes], separator: bytes) -> Iterator[bytes]:
    """Join lines to parts of at least PART_BYTES, except for the last one."""
    part: list[bytes] = []
    size = 0
    for line in lines:
        part.append(line)
        size += len(line)
        if size >= PART_BYTES:
            yield separator.join(part)
            part, size = [], 0
    if part:
        yield separator.join(part)


def task_of(record: Record) -> NewTask:
    """Return the task of a record, validated like input of the API. Raises BadUserInput."""
    completed = _parse_field(record, "completed", _parse_completed)
    completed_at = _parse_field(record, "completedAt", date_time)
    if completed is False and completed_at is not None:
        raise BadUserInput(
            "`completed` cannot be false beside `completedAt`.",
            reason=InputReason.NOT_COMBINABLE,
            field="completed",
        )
    return NewTask(
        title=record.get("title") or "",
        description=record.get("description"),
        id=_parse_field(record, "id", lambda value: uuid_of(value, "id")),
        priority=_parse_field(record, "priority", _parse_priority) or Priority.NONE,
        due_on=_parse_field(record, "dueOn", full_date),
        due_at=_parse_field(record, "dueAt", date_time),
        tags=_limited(record.get("tags") or ()),
        completed=completed is True and completed_at is None,
        completed_at=completed_at,
        created_at=_parse_field(record, "createdAt", date_time),
        deleted_at=_parse_field(record, "deletedAt", date_time),
    ).checked()


def unknown_name_error(name: str, kind: str) -> BadUserInput:
    """Return the error for an unknown field, whose values would be lost."""
    return BadUserInput(
        f"Unknown {kind}: tasks have no `{name[:50]}`.",
        reason=InputReason.UNKNOWN_FIELD,
        field=name[:50],
    )


def _limited(tags: Sequence[str]) -> tuple[str, ...]:
    """Return the tags. The limit of their number is checked before each tag is validated."""
    require_few_tags(tags, "tags")
    return tuple(tags)


def _parse_field(record: Record, name: str, parse: Callable[[Any], Any]) -> Any:
    value = record.get(name)
    try:
        return None if value is None else parse(value)
    except GraphQLError as error:
        raise BadUserInput(error.message, reason=InputReason.INVALID_FORMAT, field=name) from None


def _parse_priority(name: str) -> Priority:
    if name not in Priority.__members__:
        raise BadUserInput(
            f"Invalid priority: expected one of {PRIORITY_NAMES}.",
            reason=InputReason.UNKNOWN_VALUE,
            field="priority",
        )
    return Priority[name]


def _parse_completed(value: object) -> bool:
    text = str(value).lower()  # spreadsheets write TRUE
    if text not in ("true", "false"):
        raise BadUserInput(
            "Invalid value: `completed` must be true or false.",
            reason=InputReason.UNKNOWN_VALUE,
            field="completed",
        )
    return text == "true"


@contextmanager
def error_line(line: int) -> Iterator[None]:
    """Add the number of the line in the file to a BadUserInput without one. The first line is 1."""
    try:
        yield
    except BadUserInput as problem:
        if "line" in problem.details:
            raise
        first, *others = [_located(each, line) for each in problem.problems]
        raise first.joined(others) from None


def _located(problem: BadUserInput, line: int) -> BadUserInput:
    details = {"line": line, **problem.details}
    return BadUserInput(f"Line {line}: {problem.message}", reason=problem.reason, **details)
