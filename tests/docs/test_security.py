"""SECURITY.md: each defence is where the table says, and each proof is a test that exists."""

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
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def names_of_tests(file: Path) -> set[str]:
    """Return the names of the tests of a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {name for name in functions if name.startswith("test_")}


def test_every_threat_has_a_defence_and_a_test() -> None:
    assert len(THREATS) >= 20
    for threat, defence, where, proof in THREATS:
        assert threat
        assert defence
        assert re.search(r"`[^`]+`", where), threat
        assert PROOF.search(proof), threat


def test_every_named_test_exists() -> None:
    proofs = PROOF.findall(SECURITY)
    assert len(proofs) >= len(THREATS)
    assert SECURITY.count(".py::") == len(proofs)
    assert [file for file, _ in proofs if not (ROOT / file).exists()] == []
    assert [it for it in proofs if it[1] not in names_of_tests(ROOT / it[0])] == []


def test_every_named_place_exists() -> None:
    places = [place for _, _, where, _ in THREATS for place in re.findall(r"`([^`]+)`", where)]
    roots = (ROOT, ROOT / "todo_graphql")
    assert [it for it in places if not any((root / it).exists() for root in roots)] == []
