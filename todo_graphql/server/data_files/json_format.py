"""The JSON format: an object with a version and the tasks, one task per line.

msgspec reads one task at a time and stops at the first wrong value. A call of the parser holds
the interpreter until it returns, so the length of a task is limited.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from todo_graphql.errors import BadUserInput
from todo_graphql.server.data_files.records import (
    LineCounter,
    Record,
    divide,
    error_line,
    record_of,
    unknown_name_error,
)
from todo_graphql.store.tasks.rows import TaskRow

VERSION = 1
MAX_TASK_CHARACTERS = 262_144
"""The maximum length of a task: more than twice that of the longest valid one, fully escaped."""


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern whose spaces match any white space of JSON."""
    return re.compile(pattern.replace(" ", r"[ \t\n\r]*+"), re.DOTALL)


STRING_PATTERN = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
FLAT_OBJECT_PATTERN = re.compile(rf'{{(?:[^{{}}"]++|{STRING_PATTERN.pattern})*+}}', re.DOTALL)
UNKNOWN_FIELD_PATTERN = re.compile("Object contains unknown field `(.*)`", re.DOTALL)
SEPARATOR_PATTERN = _compile(" (,?) ")
FRAME_PATTERNS = (
    (_compile(r" \[ "), _compile(r"\] \Z")),
    (_compile(rf' {{ "version" : {VERSION} , "tasks" : \[ '), _compile(r"\] } \Z")),
    (_compile(r' { "tasks" : \[ '), _compile(rf'\] , "version" : {VERSION} }} \Z')),
)
"""The patterns of the text before and after the tasks."""

# In an invalid frame, the valid part of its start or end, and the last name in that part.
OPENING_PATTERN = _compile(rf' {{? ("version" :? ({VERSION} ,? ("tasks" :?)?)?)? ')
CLOSING_PATTERN = _compile(r'\]? ,? ("version" :?)? ')
NAME_PATTERN = _compile(r'"(\w+)" : \Z')

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
    completed_at: Text = UNSET
    created_at: Text = UNSET
    deleted_at: Text = UNSET


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


def read(text: str) -> Iterator[tuple[int, Record]]:
    """Yield the tasks of an object or an array with their line numbers. One is in memory at a time.

    Raises BadUserInput with the line.
    """
    start, end = next(
        (frame for frame in FRAME_PATTERNS if frame[0].match(text)), FRAME_PATTERNS[0]
    )
    lines, position = LineCounter(text), _end_of(start.match(text))
    has_more = position > 0 and not text.startswith("]", position)
    while has_more:
        line = lines.at(position)
        with error_line(line):
            record, position = _parse_task(text, position)
        yield line, record
        separator = SEPARATOR_PATTERN.match(text, position)
        position, has_more = _end_of(separator), bool(separator and separator[1])
    if not position or not end.match(text, position):
        valid_end = _end_of(
            (CLOSING_PATTERN if position else OPENING_PATTERN).match(text, position)
        )
        name = NAME_PATTERN.search(text, position, valid_end)
        with error_line(lines.at(valid_end)):
            raise BadUserInput(
                "Invalid JSON document: expected tasks separated by commas, in an array or in an "
                f"object with `version` {VERSION} and `tasks`.",
                field=name[1] if name else None,
            )


def _end_of(found: re.Match[str] | None) -> int:
    return found.end() if found else 0


def _parse_task(text: str, position: int) -> tuple[Record, int]:
    """Return the task at this position, and the position of its end."""
    end = position + MAX_TASK_CHARACTERS
    found = FLAT_OBJECT_PATTERN.match(text, position, end)
    content = found[0] if found else text[position:end]
    try:
        record: Record = msgspec.to_builtins(DECODER.decode(content))
    except msgspec.ValidationError as error:
        raise _type_error(str(error)) from None
    except msgspec.DecodeError:
        raise BadUserInput(
            f"Invalid task: expected a JSON object of at most {MAX_TASK_CHARACTERS:,} characters."
        ) from None
    # msgspec keeps the last of two members with one name.
    if STRING_PATTERN.sub("", content).count(":") > len(record):
        raise BadUserInput("Duplicate name: each field can occur once in a task.")
    return record, position + len(content)


def _type_error(message: str) -> BadUserInput:
    """Return the error for a message of msgspec, which names the path or the unknown field."""
    expected, _, path = message.partition(" - at `$.")
    if unknown := UNKNOWN_FIELD_PATTERN.match(message):
        return unknown_name_error(unknown[1], "field")
    if not path:
        return BadUserInput(f"{message}.")
    field = re.split(r"[`\[]", path)[0]
    return BadUserInput(f"`{field}`: {expected}.", field=field)
