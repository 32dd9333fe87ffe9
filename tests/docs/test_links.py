"""The links between documents."""

from pathlib import Path

import pytest

from tests.support.markdown import DOCUMENTS, anchors, links
from tests.support.paths import ROOT


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda it: str(it.relative_to(ROOT)))
def test_links_resolve(document: Path) -> None:
    for path, heading in links(document.read_text(encoding="utf-8")):
        target = document.parent / path if path else document
        assert target.exists(), path
        assert not heading or heading in anchors(target), heading


def test_readme_links_to_every_document() -> None:
    readme = ROOT / "README.md"
    linked = {ROOT / path for path, _ in links(readme.read_text(encoding="utf-8"))}
    guides = {path for path in DOCUMENTS if path.parent != ROOT / "docs/decisions"}
    assert guides - {readme} <= linked
