"""The parts of a Markdown document that tests compare with the code."""

import re
from pathlib import Path

from tests.support.paths import ROOT

DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)


def blocks(text: str, language: str) -> list[str]:
    """Return the contents of the fenced blocks in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def code(text: str) -> list[str]:
    """Return everything that is set as code: blocks, and words between backticks."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*blocks(text, r"[\w ]+"), *re.findall(r"`([^`\n]+)`", prose)]


def table(text: str, first_column: str) -> list[str]:
    """Return the rows of the table whose first column has this heading."""
    (rows,) = re.findall(table_pattern(first_column), text, re.MULTILINE)
    return str(rows[1]).splitlines()


def with_table(text: str, first_column: str, rows: list[str]) -> str:
    """Return a document with other rows in this table."""
    lines = "".join(f"{row}\n" for row in rows)
    return re.sub(table_pattern(first_column), lambda it: it[1] + lines, text, flags=re.MULTILINE)


def table_pattern(first_column: str) -> str:
    """Return a pattern with two groups: the head of the table, and its rows."""
    return rf"^(\| {first_column} \|.*\n\|[-|]+\|\n)((?:\|.*\n)+)"


def links(text: str) -> list[tuple[str, str]]:
    """Return the path and the heading of each link that leads to no other site."""
    return re.findall(r"\]\((?!https://)([^)#]*)#?([^)]*)\)", text)


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", it).lower().replace(" ", "-") for it in headings}
