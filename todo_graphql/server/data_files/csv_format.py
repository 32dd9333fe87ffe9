"""The CSV format (RFC 4180): a header with column names, and a row for each task.

An empty cell is a missing value. An empty description becomes null on import, because spreadsheets
do not distinguish the two. An import reads files as spreadsheets save them: separated by commas,
semicolons or tabs, with column names in any case, behind a line `sep=;`, without empty cells at the
end of a row, or with additional ones.

A text that a spreadsheet would evaluate as a formula is escaped by an apostrophe, which an import
removes again (formulas.py).
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.server.data_files.formulas import escape_formulas, unescape_formulas
from todo_graphql.server.data_files.records import (
    FIELDS,
    IMPORTED_FIELDS,
    PART_BYTES,
    Record,
    error_line,
    record_of,
    unknown_name_error,
)
from todo_graphql.server.data_files.text_window import TextWindow
from todo_graphql.store.tasks.rows import TaskRow

# Spreadsheets recognize UTF-8 by this mark.
BYTE_ORDER_MARK = "\ufeff"
PART_CHARACTERS = PART_BYTES // 4
TEXT_FIELDS = ("title", "description", "tags")
LINE_PATTERN = re.compile(r"[^\r\n]*+(?:\r\n|\r|\n|\Z)")
SEPARATORS = (",", ";", "\t")
SEPARATOR_LINE = re.compile(r"sep=([,;\t])(?:\r\n|\r|\n)", re.IGNORECASE)
"""The line with which spreadsheets are told the separator."""

COLUMNS: Mapping[str, str] = {name.lower(): name for name in IMPORTED_FIELDS}

MAX_ROW_CHARACTERS = 65_536
"""The maximum length of a row: more than twice that of the longest valid one."""

MAX_SKIPPED_CHARACTERS = 4_096
"""The length of the text that is searched for blank rows at once."""


def write(pages: Iterable[Sequence[TaskRow]]) -> Iterator[bytes]:
    """Yield the file in parts: one for each page of tasks, divided if it is large."""
    prefix = BYTE_ORDER_MARK + _format_rows([FIELDS])
    for page in pages:
        for part in _divide(_format_cells(row) for row in page):
            yield (prefix + part).encode()
            prefix = ""


def _divide(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the rows in parts. The last part may be empty."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    for row in rows:
        writer.writerow(row)
        if buffer.tell() >= PART_CHARACTERS:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _format_cells(row: TaskRow) -> list[str]:
    record = record_of(row)
    record["tags"] = _format_rows([record["tags"]]).removesuffix("\r\n") if row.tags else ""
    for name in TEXT_FIELDS:
        record[name] = escape_formulas(record[name] or "")
    return [record[name] or "" for name in FIELDS]


def _format_rows(rows: Iterable[Sequence[str]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def read(pieces: Iterable[bytes | bytearray]) -> Iterator[tuple[int, Record]]:
    """Yield the tasks with their line numbers. Raises BadUserInput with the line.

    Columns may be in any order. Only `title` is required.
    """
    rows = _parse_rows(Lines(TextWindow(pieces)))
    line, header = next(rows, (1, []))
    with error_line(line):
        names = _parse_header(header)
    for line, cells in rows:
        with error_line(line):
            named = {name: cell for name, cell in zip(names, cells, strict=False) if name}
            if len("".join(cells)) > len("".join(named.values())):
                raise BadUserInput(
                    f"Wrong number of cells: expected at most {len(names)}, each below the name of "
                    "its column.",
                    reason=InputReason.MISMATCH,
                )
            record = _parse_record(named)
        yield line, record


def _parse_header(cells: Sequence[str]) -> list[str]:
    """Return the name of each column; an empty text for a column without a name."""
    found = ["".join(cell.split()) for cell in cells]
    names = [COLUMNS.get(name.lower(), name) for name in found]
    given = [name for name in names if name]
    if "title" not in given or len(set(given)) < len(given):
        raise BadUserInput(
            "Invalid header: expected unique column names, separated by commas, semicolons or "
            "tabs, including `title`.",
            reason=InputReason.DUPLICATE if "title" in given else InputReason.REQUIRED,
            field="title",
        )
    for name in given:
        if name not in IMPORTED_FIELDS:
            raise unknown_name_error(name, "column")
    return names


def detect_separator(header: str) -> str:
    """Return the separator that finds most names of columns in a header; a comma if none does."""

    def count_names(separator: str) -> int:
        cells = next(csv.reader([header], delimiter=separator), [])
        return sum("".join(cell.split()).lower() in COLUMNS for cell in cells)

    return max(SEPARATORS, key=count_names)


def blank_rows_pattern(separators: str) -> re.Pattern[str]:
    return re.compile(rf'(?:(?:""(?=[{separators}\r\n])|[{separators}])*+(?:\r\n|\n|\r(?!\Z)))*+')


BLANK_ROWS = {separator: blank_rows_pattern(separator) for separator in SEPARATORS}
BLANK_ROWS_BEFORE_HEADER = blank_rows_pattern("".join(SEPARATORS))


class Lines:
    """The lines of a file, for a reader of rows, which may have several lines each."""

    def __init__(self, window: TextWindow) -> None:
        self._window = window
        self._row_characters = 0
        self._blank_rows = BLANK_ROWS_BEFORE_HEADER
        self.number = 1
        """The number of the next line."""

    def begin_row(self) -> None:
        """Skip blank rows, such as spreadsheets append."""
        self._row_characters = 0
        window, is_blank = self._window, True
        while is_blank:
            window.fill(MAX_SKIPPED_CHARACTERS)
            limit = min(window.position + MAX_SKIPPED_CHARACTERS, len(window.text))
            found = self._blank_rows.match(window.text, window.position, limit)
            rows = found[0] if found else ""
            is_blank = bool(rows)
            window.advance(window.position + len(rows))
            self.number += rows.count("\n") + rows.count("\r") - rows.count("\r\n")

    def detect_separator(self) -> str:
        """Return the separator of the header, which is the next line, or that of a line `sep=;`."""
        window = self._window
        window.fill(MAX_ROW_CHARACTERS)
        named = SEPARATOR_LINE.match(window.text, window.position)
        if named is not None:
            window.advance(window.position + len(named[0]))
            self.number += 1
        limit = window.position + MAX_ROW_CHARACTERS
        header = LINE_PATTERN.match(window.text, window.position, limit)
        separator = named[1] if named else detect_separator(header[0] if header else "")
        self._blank_rows = BLANK_ROWS[separator]
        return separator

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        """Return the next line. Raises BadUserInput if the row is too long."""
        window = self._window
        window.fill(MAX_ROW_CHARACTERS)
        limit = window.position + MAX_ROW_CHARACTERS - self._row_characters
        found = LINE_PATTERN.match(window.text, window.position, limit)
        line = found[0] if found else ""
        self._row_characters += len(line)
        if self._row_characters >= MAX_ROW_CHARACTERS:
            raise BadUserInput(
                f"The row is too long: it can have at most {MAX_ROW_CHARACTERS:,} characters.",
                reason=InputReason.TOO_LONG,
                max=MAX_ROW_CHARACTERS,
            )
        if not line:
            raise StopIteration
        window.advance(window.position + len(line))
        self.number += 1
        return line


def _parse_rows(lines: Lines) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, with their line numbers."""
    lines.begin_row()
    reader = csv.reader(lines, strict=True, delimiter=lines.detect_separator())
    while True:
        lines.begin_row()
        line = lines.number
        with error_line(line):
            row = _next_row(reader)
        if row is None:
            return
        if any(row):
            yield line, row


def _next_row(reader: Iterator[list[str]]) -> list[str] | None:
    """Return the next row, or None at the end. Raises BadUserInput."""
    try:
        return next(reader, None)
    except csv.Error:
        raise BadUserInput(
            "Invalid row: each quote must be closed or doubled.", reason=InputReason.INVALID_FORMAT
        ) from None


def _parse_record(cells: Mapping[str, str]) -> Record:
    record: dict[str, object] = {name: cell or None for name, cell in cells.items()}
    for name in TEXT_FIELDS:
        record[name] = unescape_formulas(cells.get(name, "")) or None
    record["tags"] = _parse_tags(str(record["tags"] or ""))
    return record


def _parse_tags(cell: str) -> list[str]:
    rows = csv.reader(io.StringIO(cell, newline=""), skipinitialspace=True, strict=True)
    try:
        return [tag for row in rows for tag in row]
    except csv.Error:
        raise BadUserInput(
            "Invalid tags: each quote must be closed or doubled.",
            reason=InputReason.INVALID_FORMAT,
            field="tags",
        ) from None
