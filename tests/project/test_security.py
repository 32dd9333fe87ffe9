"""SECURITY.md: each defence exists at its place and has a test."""

import ast
import re
from pathlib import Path

from tests.support.paths import ROOT

SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
THREATS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in SECURITY.splitlines()
    if line.startswith("| ") and not line.startswith("| threat ")
]
NAMED_TEST = re.compile(r"`(tests/(?:\w+/)*test_\w+\.py)::(test_\w+)`")


def names_of_tests(file: Path) -> set[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {name for name in functions if name.startswith("test_")}


def test_every_threat_has_a_defence_and_a_test() -> None:
    assert len(THREATS) >= 20
    for threat, wall, where, proof in THREATS:
        assert threat
        assert wall
        assert re.search(r"`[^`]+`", where), threat
        assert NAMED_TEST.search(proof), threat


def test_every_named_test_exists() -> None:
    named = NAMED_TEST.findall(SECURITY)
    assert len(named) >= len(THREATS)
    assert [file for file, _ in named if not (ROOT / file).exists()] == []
    assert [(file, name) for file, name in named if name not in names_of_tests(ROOT / file)] == []


def test_every_named_place_exists() -> None:
    places = [place for _, _, where, _ in THREATS for place in re.findall(r"`([^`]+)`", where)]
    roots = (ROOT, ROOT / "todo_graphql")
    assert [it for it in places if not any((root / it).exists() for root in roots)] == []


def test_links_resolve() -> None:
    """Links may include a heading."""
    for document in (ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "docs/operations.md"):
        text = document.read_text(encoding="utf-8")
        for path, heading in re.findall(r"\]\((?!https://)([^)#]*)#?([^)]*)\)", text):
            target = document.parent / path if path else document
            assert target.exists(), path
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", it).lower().replace(" ", "-") for it in headings}
            assert not heading or heading in anchors, heading
