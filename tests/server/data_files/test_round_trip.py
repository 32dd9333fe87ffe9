"""File formats: the escaping of formulas, and lossless round trips."""

import csv
import io
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from tests.support.data_files import HEADER
from todo_graphql.errors import BadUserInput
from todo_graphql.server.data_files.formats import FORMATS
from todo_graphql.server.data_files.formulas import escape_formulas, unescape_formulas
from todo_graphql.server.data_files.records import FIELDS, task_of
from todo_graphql.server.endpoints.import_tasks import tasks_of
from todo_graphql.store import validation
from todo_graphql.store.tasks.rows import NewTask, TaskRow
from todo_graphql.store.text.tags import tag_key

# The examples are the same in every run, so that failures are reproducible.
NOBODY = str(uuid.UUID(int=0))
STEADY = profile(max_examples=200, derandomize=True, database=None, deadline=None)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        ("a;=1", "a;'=1"),
        ('a|"@x', "a|'\"@x"),
        ("a\r\n-1", "a\r'\n'-1"),
        ("a;'=1;'b", "a;''=1;'b"),
        ("\uff1d1", "'\uff1d1"),
        ("\uff201", "'\uff201"),
        (" =1", "' =1"),
        ("'=1", "''=1"),
        ("'''+1", "''''+1"),
        ("'s morgens", "'s morgens"),
        ("'", "'"),
        ("1=1", "1=1"),
        ("milk, -2 kg", "milk, -2 kg"),
        ("a; b\n\nc - d | e + f", "a; b\n\nc - d | e + f"),
        ("'a\n'b;'c", "'a\n'b;'c"),
        ("", ""),
    ],
)
def test_formula_is_escaped_and_unescaped(text: str, cell: str) -> None:
    assert escape_formulas(text) == cell
    assert unescape_formulas(cell) == text


def test_tasks_of_file_are_parsed_on_demand() -> None:
    for kind, content in (("json", '[{"title": "a"}, nonsense'), ("csv", 'title\na\n"')):
        tasks = tasks_of(FORMATS[kind].read([content.encode()]), NOBODY)
        assert next(tasks) == NewTask("a")
        with pytest.raises(BadUserInput):
            next(tasks)


def accepted(rule: Any) -> Any:
    """Return a strategy for texts as the store normalizes them."""

    def stored(value: str) -> str:
        try:
            return str(rule(value, "field"))
        except BadUserInput:
            return "x"

    marks = st.text("'\"=+-@,;|\t\r\n \\\uff1d\ufeff\u2028🧀", max_size=6)
    texts = st.tuples(marks, st.text(max_size=3) | st.just("null"), marks).map("".join)
    return texts.map(stored)


def in_pieces(content: bytes) -> list[bytes]:
    """Return the content in pieces of three bytes, which divide characters and line breaks."""
    return [content[start : start + 3] for start in range(0, len(content), 3)]


MOMENTS = st.none() | st.datetimes().map(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z".zfill(27))
ROWS = st.builds(
    TaskRow,
    id=st.uuids().map(str),
    title=accepted(validation.title),
    description=accepted(validation.description).map(lambda value: value or None),
    completed_at=MOMENTS,
    priority=st.integers(0, 4),
    due_on=st.none(),
    due_at=MOMENTS,
    tags=st.lists(accepted(validation.tag), max_size=4, unique_by=tag_key),
    created_at=MOMENTS.filter(bool),
    updated_at=st.just(""),
    deleted_at=MOMENTS,
    revision=st.just(1),
)


@pytest.mark.parametrize("kind", ["json", "csv"])
@STEADY
@given(rows=st.lists(ROWS, max_size=3, unique_by=lambda row: row.id))
def test_file_round_trip_preserves_tasks(kind: str, rows: list[TaskRow]) -> None:
    content = b"".join(FORMATS[kind].write([rows[:1], rows[1:]]))
    back = list(tasks_of(FORMATS[kind].read(in_pieces(content)), NOBODY))
    assert back == [
        NewTask(
            title=row.title,
            description=row.description,
            id=uuid.UUID(row.id),
            priority=row.priority,
            due_at=row.due_at,
            tags=tuple(row.tags),
            completed_at=row.completed_at,
            created_at=row.created_at,
            deleted_at=row.deleted_at,
        )
        for row in rows
    ]


def resaved(content: bytes, separator: str, first: str) -> bytes:
    """Return a CSV file as a spreadsheet saves it.

    It has another separator, names in another case, and rows without the empty cells at their end,
    or with additional ones.
    """
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    names = [f" {name[:3].upper()} {name[3:].lower()}\u00a0" for name in header]
    saved = io.StringIO(newline="")
    saved.write(first)
    writer = csv.writer(saved, delimiter=separator)
    writer.writerow([*names, "", " "])
    for number, row in enumerate(rows):
        while row and not row[-1]:
            row.pop()
        writer.writerow(row if number % 2 else [*row, *[""] * (len(header) + 3 - len(row))])
    return b"\xef\xbb\xbf" + saved.getvalue().encode()


@pytest.mark.parametrize(
    ("separator", "first"), [(",", ""), (";", ""), ("\t", ""), (";", "sep=;\r\n"), (",", "SEP=,\n")]
)
@STEADY
@given(rows=st.lists(ROWS, max_size=3, unique_by=lambda row: row.id))
def test_file_that_a_spreadsheet_saves_preserves_tasks(
    separator: str, first: str, rows: list[TaskRow]
) -> None:
    content = b"".join(FORMATS["csv"].write([rows]))
    expected, back = (
        list(tasks_of(FORMATS["csv"].read(in_pieces(file)), NOBODY))
        for file in (content, resaved(content, separator, first))
    )
    assert back == expected
    assert len(back) == len(rows)


@pytest.mark.parametrize("kind", ["json", "csv"])
@STEADY
@given(
    content=st.binary(max_size=60)
    | st.text('[]{}:,"\n titleversonak1', max_size=60).map(str.encode)
)
def test_arbitrary_file_is_parsed_or_rejected(kind: str, content: bytes) -> None:
    try:
        assert all(
            isinstance(task, NewTask)
            for task in tasks_of(FORMATS[kind].read(in_pieces(content)), NOBODY)
        )
    except BadUserInput as problem:
        line = problem.details["line"]
        assert isinstance(line, int)
        assert 1 <= line <= content.count(b"\n") + content.count(b"\r") + 1


@pytest.mark.parametrize(
    ("rows", "titles"),
    [
        ('""""""\n', ['""']),
        ('""""\n', ['"']),
        ('"""",,\r\n""""",x",,\r\n', ['"', '"",x']),
        ('"",,""\n,\n""\n"x",,\n', ["x"]),
        ('""', []),
        ('"",', []),
    ],
)
def test_row_of_quotation_marks_is_no_blank_row(rows: str, titles: list[str]) -> None:
    columns = "title,description,tags" if ",," in rows else "title"
    content = f"{columns}\n{rows}".encode()
    records = [record["title"] for _, record in FORMATS["csv"].read([content])]
    assert records == titles


def test_fields_of_file_match_header() -> None:
    assert ",".join(FIELDS) == HEADER
    assert task_of(dict.fromkeys(FIELDS, None) | {"title": "x"}) == NewTask("x")
