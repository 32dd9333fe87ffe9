"""The JSON format: an object with a version and the tasks, one task per line.

msgspec reads one task at a time and stops at the first wrong value. A call of the parser holds
the interpreter until it returns, so the length of a task is limited.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.server.data_files.records import (
    Record,
    divide,
    error_line,
    record_of,
    unknown_name_error,
)
from todo_graphql.server.data_files.text_window import TextWindow
from todo_graphql.store.tasks.rows import TaskRow

VERSION = 1
MAX_TASK_CHARACTERS = 163_840
"""The maximum length of a task: more than that of the longest valid one, fully escaped."""

MAX_TASK_STRINGS = 1_024
"""The maximum number of names and values of a task. A valid one has at most 40."""

ERROR_CHARACTERS = 8_192
"""The length of the part of an invalid task that is decoded for its error message."""

WHITE_SPACE_PATTERN = re.compile(r"[ \t\n\r]*+")
STRING_PATTERN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
FLAT_OBJECT_PATTERN = re.compile(
    rf'{{(?:[^{{}}"]++|{STRING_PATTERN.pattern}){{0,{2 * MAX_TASK_STRINGS}}}+}}', re.DOTALL
)
TYPE_PATH_PATTERN = re.compile(r" - at `\$\.(\w+)(?:\[(\d+)\])?`\Z")
UNKNOWN_FIELD_PATTERN = re.compile("Object contains unknown field `(.*)`", re.DOTALL)

Text: TypeAlias = str | UnsetType | None


class TaskFields(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The types of the fields of a task in a file."""

    id: Text = UNSET
    title: Text = UNSET
    description: Text = UNSET
    priority: Text = UNSET
    due_on: Text = UNSET
    due_at: Text = UNSET
    tags: list[str] | UnsetType | None = UNSET
    completed: bool | UnsetType | None = UNSET
    completed_at: Text = UNSET
    created_at: Text = UNSET
    deleted_at: Text = UNSET


EXPECTED: Mapping[str, str] = {
    "tags": "a list of strings or null",
    "completed": "a boolean or null",
}
"""The types of the fields that are no texts, in messages."""

DECODER = msgspec.json.Decoder(TaskFields)


def write(pages: Iterable[Sequence[TaskRow]]) -> Iterator[bytes]:
    """Yield the file in parts: one for each page of tasks, divided if it is large, and the end."""
    prefix = f'{{"version": {VERSION}, "tasks": [\n'
    for page in pages:
        lines = (json.dumps(record_of(row), ensure_ascii=False).encode() for row in page)
        for part in divide(lines, b",\n"):
            yield prefix.encode() + part
            prefix = ",\n"
    yield (prefix.removesuffix(",\n") + "\n]}\n").encode()


def read(pieces: Iterable[bytes | bytearray]) -> Iterator[tuple[int, Record]]:
    """Yield the tasks of an object or an array with their line numbers. One is in memory at a time.

    Raises BadUserInput with the line.
    """
    window = TextWindow(pieces)
    _skip_white_space(window)
    yield from (_read_tasks if _take(window, "[") else _read_object)(window)
    if window.position < len(window.text):
        raise _frame_error(window)


def _read_object(window: TextWindow) -> Iterator[tuple[int, Record]]:
    """Yield the tasks of an object, which has its two members in any order."""
    _require(window, "{")
    names, has_more = set[str](), True
    while has_more:
        if "tasks" not in names and _take(window, '"tasks"'):
            names.add("tasks")
            _require(window, ":")
            _require(window, "[", field="tasks")
            yield from _read_tasks(window)
        else:
            _require(window, '"version"')
            _require(window, ":")
            if "version" in names:
                raise _frame_error(window, "version")
            names.add("version")
            _require(window, str(VERSION), field="version")
        has_more = _take(window, ",")
    if len(names) < len(("version", "tasks")):
        raise _frame_error(window)
    _require(window, "}")


def _read_tasks(window: TextWindow) -> Iterator[tuple[int, Record]]:
    """Yield the tasks of an array, after its opening bracket."""
    has_more = not _take(window, "]")
    while has_more:
        window.fill(MAX_TASK_CHARACTERS)
        with error_line(window.line):
            record, end = _parse_task(window.text, window.position)
        yield window.line, record
        window.advance(end)
        _skip_white_space(window)
        has_more = _take(window, ",")
        if not has_more:
            _require(window, "]")


def _skip_white_space(window: TextWindow) -> None:
    """Advance to the next token or to the end of the file."""
    while True:
        window.fill(1)
        match = WHITE_SPACE_PATTERN.match(window.text, window.position)
        end = match.end() if match else window.position
        is_over = end < len(window.text) or window.is_complete
        window.advance(end)
        if is_over:
            return


def _take(window: TextWindow, token: str) -> bool:
    """Return whether the token follows, and advance to the next one."""
    window.fill(len(token))
    if not window.text.startswith(token, window.position):
        return False
    window.advance(window.position + len(token))
    _skip_white_space(window)
    return True


def _require(window: TextWindow, token: str, field: str | None = None) -> None:
    if not _take(window, token):
        raise _frame_error(window, field)


def _frame_error(window: TextWindow, field: str | None = None) -> BadUserInput:
    message = (
        f"Line {window.line}: Invalid JSON document: expected tasks separated by commas, in an "
        f"array or in an object with `version` {VERSION} and `tasks`."
    )
    details = {} if field is None else {"field": field}
    return BadUserInput(message, reason=InputReason.INVALID_FORMAT, line=window.line, **details)


def _parse_task(text: str, position: int) -> tuple[Record, int]:
    """Return the task at this position, and the position of its end."""
    found = FLAT_OBJECT_PATTERN.match(text, position, position + MAX_TASK_CHARACTERS)
    content = found[0] if found else text[position : position + ERROR_CHARACTERS]
    try:
        record: Record = msgspec.to_builtins(DECODER.decode(content))
    except msgspec.ValidationError as error:
        raise _type_error(str(error)) from None
    except msgspec.DecodeError:
        raise BadUserInput(
            f"Invalid task: expected a JSON object of at most {MAX_TASK_CHARACTERS:,} characters "
            f"and {MAX_TASK_STRINGS:,} strings.",
            reason=InputReason.INVALID_FORMAT,
        ) from None
    # msgspec keeps the last of two members with one name.
    if STRING_PATTERN.sub("", content).count(":") > len(record):
        raise BadUserInput(
            "Duplicate name: each field can occur once in a task.", reason=InputReason.DUPLICATE
        )
    return record, position + len(content)


def _type_error(message: str) -> BadUserInput:
    """Return the error for a message of msgspec, which names the path or the unknown field."""
    if unknown := UNKNOWN_FIELD_PATTERN.match(message):
        return unknown_name_error(unknown[1], "field")
    found = TYPE_PATH_PATTERN.search(message)
    if not found:
        return BadUserInput("A task must be a JSON object.", reason=InputReason.INVALID_TYPE)
    name, index = found.groups()
    expected = EXPECTED.get(name, "a string or null")
    field, kind = (name, expected) if index is None else (f"{name}.{index}", "a string")
    return BadUserInput(f"`{field}` must be {kind}.", reason=InputReason.INVALID_TYPE, field=field)
