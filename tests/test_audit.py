"""`make audit`: what is vulnerable fails, and nothing counts as looked up that was not."""

from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests import audit

# As pip-audit writes them.
GOOD = {"name": "alembic", "version": "1.20.1", "vulns": []}
BAD = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [{"id": "PYSEC-2014-8", "fix_versions": ["2.7.2"], "aliases": [], "description": ""}],
}
UNKNOWN = {"name": "click", "skip_reason": "Dependency not found on PyPI: click (8.5.1)"}


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """The exit code and the words for a report on these packages."""

    def run(*packages: object, options: tuple[str, ...] = ()) -> tuple[int, str]:
        monkeypatch.setattr(audit, "report_on", lambda _: {"dependencies": packages})
        result = CliRunner().invoke(audit.main, options)
        return result.exit_code, result.output

    return run


@pytest.mark.parametrize("options", [(), ("--if-reachable",)])
def test_what_is_known_decides(
    outcome: Callable[..., tuple[int, str]], options: tuple[str, ...]
) -> None:
    """Also when somebody else could not be looked up."""
    assert outcome(GOOD, options=options)[0] == 0
    code, words = outcome(GOOD, UNKNOWN, BAD, options=options)
    assert (code, "jinja2 2.4.1: PYSEC-2014-8 (mended in: 2.7.2)" in words) == (1, True)


def test_what_was_not_looked_up_is_said(outcome: Callable[..., tuple[int, str]]) -> None:
    """It fails, unless one is content."""
    for options, expected in (((), 1), (("--if-reachable",), 0)):
        code, words = outcome(GOOD, UNKNOWN, options=options)
        assert (code, "click (1)" in words, "alembic" in words) == (expected, True, False)


def test_what_is_not_understood_is_no_good_news(tmp_path: Path) -> None:
    """pip-audit itself is run here; without a hash it does not begin."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("jinja2==2.4.1\n")
    with pytest.raises(click.ClickException) as refused:
        audit.report_on(requirements)
    assert "hash" in refused.value.message
