"""Prose: openings of docstrings, discouraged words, and the size of folders (CONTRIBUTING.md)."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import graphql
import pytest
from graphql import StringValueNode, Visitor

from tests.support.paths import ROOT

PACKAGES = ("todo_graphql", "alembic", "benchmarks", "chaos")
DOCUMENTED = (*PACKAGES, "tests/support")
SCHEMA = ROOT / "schema.graphql"
MAX_MODULES = 20

OPENING = re.compile(r"\s*(What|Who|Whoever|Whether|Those|The same|Of)\b")
DISCOURAGED = re.compile(r"\b(whoever|somebody|nobody|be\s+it|of\s+late)\b", re.IGNORECASE)
RELEASE = re.compile(r"^## \[?\d", re.MULTILINE)
"""The heading of a released version in CHANGELOG.md, whose text stays as it was."""


def modules(*folders: str) -> list[Path]:
    """Return the Python files of the folders."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if ".cache" not in path.parts)


def documents() -> list[Path]:
    """Return the Markdown files of the project."""
    folders = (ROOT / "docs", ROOT / "benchmarks", ROOT / "chaos")
    nested = (path for folder in folders for path in folder.rglob("*.md"))
    written = (path for path in nested if not {"results", ".cache"} & set(path.parts))
    return sorted([*ROOT.glob("*.md"), *written])


def place(path: Path, line: int, text: str) -> str:
    """Format a finding as file:line with the text."""
    return f"{path.relative_to(ROOT)}:{line}: {text.strip()}"


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each docstring, including those of attributes."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text


def descriptions(sdl: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each description in a schema."""
    found: list[tuple[int, str]] = []

    class Collector(Visitor):
        def enter_string_value(self, node: StringValueNode, *_: object) -> None:
            if node.loc is not None:
                found.append((node.loc.start_token.line, node.value))

    graphql.visit(graphql.parse(sdl), Collector())
    return iter(found)


def bad_openings(path: Path, texts: Iterable[tuple[int, str]]) -> list[str]:
    """Return the places of texts that begin with a pronoun or a preposition."""
    return [place(path, line, text.split("\n")[0]) for line, text in texts if OPENING.match(text)]


def discouraged_words(path: Path, text: str) -> list[str]:
    """Return the places of discouraged words, also where they continue on the next line."""
    return [
        place(path, text.count("\n", 0, match.start()) + 1, " ".join(match[0].split()))
        for match in DISCOURAGED.finditer(text)
    ]


def current(path: Path) -> str:
    """Return the text of a file, without released versions of the changelog."""
    text = path.read_text(encoding="utf-8")
    return RELEASE.split(text)[0] if path.name == "CHANGELOG.md" else text


def report(findings: list[str]) -> str:
    """Format findings for the message of an assertion."""
    return "\n".join([f"{len(findings)} findings:", *findings])


def test_docstrings_begin_with_a_noun_or_a_verb() -> None:
    findings = [
        finding
        for path in modules(*DOCUMENTED)
        for finding in bad_openings(path, docstrings(path.read_text(encoding="utf-8")))
    ]
    assert not findings, report(findings)


def test_schema_descriptions_begin_with_a_noun_or_a_verb() -> None:
    findings = bad_openings(SCHEMA, descriptions(SCHEMA.read_text(encoding="utf-8")))
    assert not findings, report(findings)


def test_discouraged_words_are_absent() -> None:
    paths = [*modules(*PACKAGES), SCHEMA, *documents()]
    findings = [finding for path in paths for finding in discouraged_words(path, current(path))]
    assert not findings, report(findings)


def test_folders_have_at_most_20_modules() -> None:
    folders = {path.parent for path in modules(*PACKAGES)}
    sizes = {folder: len([*folder.glob("[!_]*.py")]) for folder in folders}
    findings = [place(folder, size, "") for folder, size in sizes.items() if size > MAX_MODULES]
    assert not findings, report(findings)


@pytest.mark.parametrize(
    "opening", ["What", "Who", "Whoever", "Whether", "Those", "The same", "Of"]
)
def test_planted_opening_is_found(opening: str) -> None:
    planted = f'"""Module."""\nX = 1\n"""{opening} it is."""\n\n\ndef f():\n    """{opening}."""\n'
    found = bad_openings(ROOT / "planted.py", docstrings(planted))
    assert found == [f"planted.py:3: {opening} it is.", f"planted.py:7: {opening}."]
    sdl = f'type Query {{\n  """\n  {opening} it is.\n  """\n  a: Int\n  "{opening}" b: Int\n}}'
    found = bad_openings(SCHEMA, descriptions(sdl))
    assert found == [f"schema.graphql:2: {opening} it is.", f"schema.graphql:6: {opening}"]


def test_similar_openings_pass() -> None:
    source = '"""Whole lines."""\nX = "What it is"\n"""Office hours."""\n"""The sameness."""\n'
    assert bad_openings(ROOT / "planted.py", docstrings(source)) == []


def test_planted_words_are_found() -> None:
    text = "Whoever comes,\nbe\nit NOBODY. A snobody, maybe it.\n"
    found = discouraged_words(ROOT / "planted.md", text)
    assert found == ["planted.md:1: Whoever", "planted.md:2: be it", "planted.md:3: NOBODY"]
