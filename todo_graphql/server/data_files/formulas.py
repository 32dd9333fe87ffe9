"""Escaping of formulas in cells, by an apostrophe that an import removes again.

A spreadsheet may split the file at another separator than the comma. Then a cell can begin inside
of a text: after a semicolon, a tab, a vertical bar, or a line break, because the quotation mark
that encloses the text is no longer at the beginning of a cell. An apostrophe precedes a formula
wherever a cell could begin. White space, invisible characters, quotation marks and apostrophes do
not hide a formula, so that the escaping is reversible.
"""

import re

FORMULA = r"=+\-@\uff1d\uff0b\uff0d\uff20"
BREAKS = "\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"  # they are white space too
SKIPPED = (
    r"\s'\"\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u180b-\u180e\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)

HAS_FORMULA = re.compile(f"[{FORMULA}]")
ESCAPED_BREAKS = {ord(character): f"{character}'" for character in BREAKS}
QUOTED_BREAK = re.compile(f"([{BREAKS}])'")

BEGINNING = re.compile(rf"(\A|[;|{BREAKS}])([{SKIPPED}]*+)([{FORMULA}]?)")
"""The beginning of a possible cell: its separator, the skipped characters, and a formula."""


def escape_formulas(text: str) -> str:
    """Return the text as a cell that no spreadsheet evaluates, whatever its separator is."""
    return BEGINNING.sub(_escape, text) if HAS_FORMULA.search(text) else text


def unescape_formulas(cell: str) -> str:
    """Return the text of a cell from `escape_formulas`."""
    return BEGINNING.sub(_unescape, cell) if HAS_FORMULA.search(cell) else cell


def _escape(found: re.Match[str]) -> str:
    separator, skipped, formula = found.groups()
    if not formula:
        return found[0]
    return separator + "'" + skipped.translate(ESCAPED_BREAKS) + formula


def _unescape(found: re.Match[str]) -> str:
    separator, skipped, formula = found.groups()
    if not formula:
        return found[0]
    return separator + QUOTED_BREAK.sub(r"\1", skipped.removeprefix("'")) + formula
