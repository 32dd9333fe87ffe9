"""Tasks as CSV (RFC 4180): a line of names, and then one of cells for each task.

An empty cell is one without a value. An empty description, which is not the same as none in
the API, comes back as none: spreadsheets do not keep the two apart.

A text that a spreadsheet would take for a formula gets an apostrophe before it, which reading
takes away again. White space and apostrophes before the sign make no difference, so that
every text comes back as it was.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from todo_graphql.errors import BadUserInput
from todo_graphql.server.data_files.lines import at_line
from todo_graphql.server.data_files.records import FIELDS, Record, record_of, unknown_name
from todo_graphql.store.tasks.rows import TaskRow

# Spreadsheets read UTF-8 only after this.
BYTE_ORDER_MARK = "\ufeff"
TEXTS = ("title", "description", "tags")
FORMULA = re.compile(r"[\s'\u200b-\u200f\u2060\ufeff]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


def write(pages: Iterable[Sequence[TaskRow]]) -> Iterator[bytes]:
    """The file, piece by piece: the first holds the first page."""
    before = BYTE_ORDER_MARK + _rows([FIELDS])
    for page in pages:
        yield (before + _rows(_cells(row) for row in page)).encode()
        before = ""


def _cells(row: TaskRow) -> list[str]:
    record = record_of(row)
    record["tags"] = _rows([record["tags"]]).removesuffix("\r\n") if row.tags else ""
    for name in TEXTS:
        record[name] = harmless(record[name] or "")
    return [record[name] or "" for name in FIELDS]


def _rows(rows: Iterable[Sequence[str]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def harmless(text: str) -> str:
    """The text in a cell that is no formula."""
    return f"'{text}" if FORMULA.match(text) else text


def original(cell: str) -> str:
    """The text that `harmless` made this cell of."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell, 1) else cell


def read(text: str) -> Iterator[tuple[int, Record]]:
    """The tasks, each with the line that it begins on. Columns may be in any order, and all but
    the title may be missing. Raises BadUserInput, with the line.
    """
    rows = _read_rows(text)
    line, names = next(rows, (1, []))
    with at_line(line):
        _check_header(names)
    for line, cells in rows:
        with at_line(line):
            if len(cells) != len(names):
                raise BadUserInput(f"There are {len(cells)} cells for {len(names)} columns.")
            record = _record(dict(zip(names, cells, strict=True)))
        yield line, record


def _check_header(names: Sequence[str]) -> None:
    if "title" not in names or len(set(names)) < len(names):
        raise BadUserInput(
            "The first line names the columns, separated by commas, each of them once; `title` "
            "must be there.",
            field="title",
        )
    for name in names:
        if name not in FIELDS:
            raise unknown_name(name, "column")


def _read_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows, each with the line that it begins on. Those without any text do not count:
    spreadsheets leave them.
    """
    lines = (line.group() for line in LINE.finditer(text.rstrip("\r\n")))
    reader = csv.reader(lines, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error:
            with at_line(line):
                raise BadUserInput(
                    "The cells of this row cannot be told apart: a quote is not closed or not "
                    "doubled, or a cell is too long."
                ) from None
        if row is None:
            return
        if any(row):
            yield line, row


def _record(cells: Mapping[str, str]) -> Record:
    record: dict[str, object] = {name: cell or None for name, cell in cells.items()}
    for name in TEXTS:
        record[name] = original(cells.get(name, "")) or None
    record["tags"] = _tags(str(record["tags"] or ""))
    return record


def _tags(cell: str) -> list[str]:
    rows = csv.reader(io.StringIO(cell, newline=""), skipinitialspace=True, strict=True)
    try:
        return [tag for row in rows for tag in row]
    except csv.Error:
        raise BadUserInput(
            "A quote in the tags is not closed, or not doubled.", field="tags"
        ) from None
