"""Tasks as JSON: an object with a version and the tasks, each on a line of its own.

msgspec reads one task at a time and stops at the first wrong value. A call of a parser holds the
interpreter to its end, so the length of a task is limited.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from todo_graphql.errors import BadUserInput
from todo_graphql.server.data_files.lines import LineCounter, at_line
from todo_graphql.server.data_files.records import Record, record_of, unknown_name
from todo_graphql.store.tasks.rows import TaskRow

VERSION = 1
MAX_CHARACTERS = 262_144
"""The limit of a task. A valid one needs less than half of it with each character escaped."""


def _spaced(pattern: str) -> re.Pattern[str]:
    """Compile a pattern. Its spaces stand for any white space that JSON allows."""
    return re.compile(pattern.replace(" ", r"[ \t\n\r]*+"), re.DOTALL)


STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
FLAT_OBJECT = re.compile(rf'{{(?:[^{{}}"]++|{STRING.pattern})*+}}', re.DOTALL)
UNKNOWN_FIELD = re.compile("Object contains unknown field `(.*)`", re.DOTALL)
SEPARATOR = _spaced(" (,?) ")
FRAMES = (
    (_spaced(r" \[ "), _spaced(r"\] \Z")),
    (_spaced(rf' {{ "version" : {VERSION} , "tasks" : \[ '), _spaced(r"\] } \Z")),
    (_spaced(r' { "tasks" : \[ '), _spaced(rf'\] , "version" : {VERSION} }} \Z')),
)
"""The text before and after the tasks."""

OPENING = _spaced(rf' {{? ("version" :? ({VERSION} ,? ("tasks" :?)?)?)? ')
CLOSING = _spaced(r'\]? ,? ("version" :?)? ')
NAME = _spaced(r'"(\w+)" : \Z')
"""The part of a frame that is right where the frame is wrong, and the last name in it."""

Text: TypeAlias = str | UnsetType | None


class Task(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The types of a task's fields in a file."""

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


DECODER = msgspec.json.Decoder(Task)


def write(pages: Iterable[Sequence[TaskRow]]) -> Iterator[bytes]:
    """The file, piece by piece: the first holds the first page, the last one closes it."""
    before = f'{{"version": {VERSION}, "tasks": [\n'
    for page in pages:
        lines = [json.dumps(record_of(row), ensure_ascii=False) for row in page]
        if lines:
            yield (before + ",\n".join(lines)).encode()
            before = ",\n"
    yield (before.removesuffix(",\n") + "\n]}\n").encode()


def read(text: str) -> Iterator[tuple[int, Record]]:
    """Yield the tasks of such an object, or of a bare array, each with the line that it begins on.
    No more than one is in memory at once. Raises BadUserInput, with the line.
    """
    start, end = next((frame for frame in FRAMES if frame[0].match(text)), FRAMES[0])
    lines, place = LineCounter(text), _end_of(start.match(text))
    has_more = place > 0 and not text.startswith("]", place)
    while has_more:
        line = lines.at(place)
        with at_line(line):
            record, place = _task(text, place)
        yield line, record
        separator = SEPARATOR.match(text, place)
        place, has_more = _end_of(separator), bool(separator and separator[1])
    if not place or not end.match(text, place):
        right_to = _end_of((CLOSING if place else OPENING).match(text, place))
        name = NAME.search(text, place, right_to)
        with at_line(lines.at(right_to)):
            raise BadUserInput(
                "The file is a JSON array of tasks, or an object with `version`, which is "
                f"{VERSION}, and `tasks`, separated by commas.",
                field=name[1] if name else None,
            )


def _end_of(found: re.Match[str] | None) -> int:
    return found.end() if found else 0


def _task(text: str, place: int) -> tuple[Record, int]:
    """Return the task that begins at this place, and the place after it."""
    end = place + MAX_CHARACTERS
    found = FLAT_OBJECT.match(text, place, end)
    content = found[0] if found else text[place:end]
    try:
        record: Record = msgspec.to_builtins(DECODER.decode(content))
    except msgspec.ValidationError as error:
        raise _wrong_type(str(error)) from None
    except msgspec.DecodeError:
        raise BadUserInput(
            f"What begins here is not JSON, or has more than {MAX_CHARACTERS:,} characters."
        ) from None
    # msgspec keeps the last of two members with one name.
    if STRING.sub("", content).count(":") > len(record):
        raise BadUserInput("A name is there twice.")
    return record, place + len(content)


def _wrong_type(message: str) -> BadUserInput:
    """Return the error for one of msgspec's, which names the path or the unknown field."""
    expected, _, path = message.partition(" - at `$.")
    if unknown := UNKNOWN_FIELD.match(message):
        return unknown_name(unknown[1], "field")
    if not path:
        return BadUserInput(f"{message}.")
    field = re.split(r"[`\[]", path)[0]
    return BadUserInput(f"`{field}`: {expected}.", field=field)
