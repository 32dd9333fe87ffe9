"""Formulas in CSV files: no separator of a spreadsheet makes a cell of a file a formula."""

import csv
import io
import unicodedata
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from todo_graphql.server.data_files import csv_format
from todo_graphql.server.data_files.formulas import escape_formulas, unescape_formulas
from todo_graphql.store.tasks.rows import TaskRow

STEADY = profile(max_examples=400, derandomize=True, database=None, deadline=None)
FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
SEPARATORS = (",", ";", "\t", "|")

STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
BEFORE = (
    "",
    " ",
    "a;",
    "a\t",
    "a|",
    "a\n",
    "a\r",
    "a\r\n",
    "a; ",
    "a;\u200b",
    "a;\ufeff\u00a0",
    'a;"',
    'a;""',
    "a;'",
    "a;;",
    "a;\t|\n",
    'a";"',
    "a,b;",
    "a;b;",
    "a\n\n",
    "a\t\u2060",
    "a|\u202e",
    "a;\u00ad",
    'a\n"',
    "a;b\n;",
    "'a;'\t'",
    "a;\x1f",
    "a;\u3000",
    "a\u2028",
    "a\x0b",
    "a\x85",
    "a;\u3164",
    "a;\U000e0020",
    "a,;",
    "a,\t",
    "a;\ufe0f",
    '"";',
    '"\t',
    "';",
)
PAYLOADS = (
    *[before + "=cmd|' /C calc'!A0" for before in BEFORE],
    *[f"a;{start}1" for start in STARTS],
    'a;=HYPERLINK("https://mallory.example")',
    "-1\n-2\n-3",
    "a;=1;=2\t=3|=4\n=5",
)


def row(text: str) -> TaskRow:
    return TaskRow(
        id=str(uuid.UUID(int=1)),
        title=text,
        description=text,
        completed=False,
        completed_at=None,
        priority=0,
        due_on=None,
        due_at=None,
        tags=[text, "b", text],
        created_at="2026-01-01T00:00:00.000000Z",
        updated_at="",
        deleted_at=None,
        revision=1,
    )


def visible(cell: str) -> str:
    """Return a cell without leading white space, control and invisible characters."""
    for number, character in enumerate(cell):
        if unicodedata.category(character)[0] not in "CZ" and not character.isspace():
            return cell[number:]
    return ""


def cells(content: str, separator: str) -> Iterator[str]:
    """Yield the cells of a file, as read with a separator."""
    for cells_of_row in csv.reader(io.StringIO(content, newline=""), delimiter=separator):
        yield from cells_of_row


def assert_no_formula(text: str) -> None:
    content = b"".join(csv_format.write([[row(text)]])).decode("utf-8-sig")
    for separator in SEPARATORS:
        found = [cell for cell in cells(content, separator) if visible(cell)[:1] in (*FORMULA,)]
        assert found == [], separator
        for line in content.splitlines():
            parts = [visible(part.lstrip('"')) for part in line.split(separator)]
            if separator != ",":
                assert not [part for part in parts if part[:1] in (*FORMULA,)]


def test_payloads_differ_and_are_many() -> None:
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 46


@pytest.mark.parametrize("text", PAYLOADS, ids=range(len(PAYLOADS)))
def test_no_separator_reveals_a_formula(text: str) -> None:
    assert_no_formula(text)
    assert unescape_formulas(escape_formulas(text)) == text


TEXTS = st.text("=+-@\uff1d;|,\t\r\n'\" ab\u200b\ufeff\u2028", max_size=20)


@STEADY
@given(TEXTS)
def test_no_separator_reveals_a_formula_in_any_text(text: str) -> None:
    assert_no_formula(text)


@STEADY
@given(TEXTS | st.text(max_size=30))
def test_unescaping_restores_any_text(text: str) -> None:
    assert unescape_formulas(escape_formulas(text)) == text


@STEADY
@given(st.text("abc ,.;|\t\n\"'()0", max_size=40))
def test_text_without_formula_is_unchanged(text: str) -> None:
    assert escape_formulas(text) == text
    assert unescape_formulas(text) == text


@STEADY
@given(TEXTS)
def test_escaping_only_inserts_apostrophes(text: str) -> None:
    escaped = escape_formulas(text)
    assert escaped.replace("'", "") == text.replace("'", "")
