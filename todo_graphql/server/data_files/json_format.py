"""Tasks as JSON: an object with a version and the tasks, each on a line of its own."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from todo_graphql.errors import BadUserInput
from todo_graphql.server.data_files.lines import LineCounter, at_line
from todo_graphql.server.data_files.records import Record, record_of
from todo_graphql.server.strict_json import check_nesting, reject_constant
from todo_graphql.store.tasks.rows import TaskRow

VERSION = 1
SPACE = re.compile(r"[ \t\n\r]*")


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
    """The tasks of such an object, or of a bare array, each with the line that it begins on.

    No more than one is in memory at once. Raises BadUserInput, with the line.
    """
    yield from _Reader(text).tasks()


class _Reader:
    """Goes through the text of a file once, and stops at each task."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._lines = LineCounter(text)
        self._decoder = json.JSONDecoder(
            parse_constant=reject_constant, object_pairs_hook=_without_repetition
        )

    def tasks(self) -> Iterator[tuple[int, Record]]:
        if self._skip("["):
            yield from self._elements()
        else:
            self._expect("{", "The file is a JSON array of tasks, or an object with `tasks`.")
            yield from self._members()
        self._expect("", "There is something after the end of the JSON.")

    def _members(self) -> Iterator[tuple[int, Record]]:
        missing = {"version", "tasks"}
        while missing:
            line, name = self._value()
            with at_line(line):
                if not isinstance(name, str) or name not in missing:
                    raise BadUserInput("The file has one `version` and one `tasks`, and no more.")
            missing.remove(name)
            self._expect(":", "A colon is missing.")
            if name == "tasks":
                self._expect("[", "`tasks` is an array.")
                yield from self._elements()
            else:
                self._require_version()
            self._expect("," if missing else "}", "`version` or `tasks` is missing, or more.")

    def _require_version(self) -> None:
        line, version = self._value()
        with at_line(line):
            if version != VERSION or type(version) is not int:
                raise BadUserInput(f"`version` is {VERSION}.", field="version")

    def _elements(self) -> Iterator[tuple[int, Record]]:
        if self._skip("]"):
            return
        while True:
            line, task = self._value()
            with at_line(line):
                if not isinstance(task, dict):
                    raise BadUserInput("A task is a JSON object.")
            yield line, task
            if self._skip("]"):
                return
            self._expect(",", "A comma, or the end of the tasks, is missing.")

    def _value(self) -> tuple[int, Any]:
        """The next value, and the line that it begins on."""
        self._skip("")
        line = self._lines.at(self._place)
        with at_line(line):
            try:
                value, self._place = self._decoder.raw_decode(self._text, self._place)
                check_nesting(value)
            except (ValueError, RecursionError):
                raise BadUserInput(
                    "What begins here is not JSON, or has numbers too long or nesting too deep "
                    "to read."
                ) from None
        return line, value

    def _skip(self, mark: str) -> bool:
        """Pass white space, and the mark if it follows."""
        space = SPACE.match(self._text, self._place)
        assert space is not None
        self._place = space.end()
        found = bool(mark) and self._text.startswith(mark, self._place)
        self._place += len(mark) if found else 0
        return found

    def _expect(self, mark: str, sentence: str) -> None:
        """Pass the mark, or, without one, find the end. Raises BadUserInput otherwise."""
        found = self._skip(mark) if mark else (self._skip("") or self._place == len(self._text))
        if not found:
            with at_line(self._lines.at(self._place)):
                raise BadUserInput(sentence)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, if each name is there once: else one of the values would be lost."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise BadUserInput("A name is there twice.")
    return members
