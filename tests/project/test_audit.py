"""`make audit`: vulnerable packages and packages without a look-up are failures."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests.support import audit
from tests.support.audit import Acceptance

# Entries of a pip-audit report.
GOOD = {"name": "alembic", "version": "1.20.1", "vulns": []}
BAD = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [
        {
            "id": "PYSEC-2014-8",
            "fix_versions": ["2.7.2"],
            "aliases": ["CVE-2014-1402"],
            "description": "",
        }
    ],
}
UNKNOWN = {"name": "click", "skip_reason": "Dependency not found on PyPI: click (8.5.1)"}
TODAY = datetime.now(UTC).date()

Outcome = Callable[..., tuple[int, str]]


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Return the exit code and the output for a report on these packages."""

    def run(*packages: object, accepted: Mapping[str, Acceptance] = {}) -> tuple[int, str]:
        monkeypatch.setattr(audit, "report_on", lambda _: {"dependencies": packages})
        monkeypatch.setattr(audit, "ACCEPTED", accepted)
        result = CliRunner().invoke(audit.main)
        return result.exit_code, result.output

    return run


def test_audit_vulnerable_package_fails(outcome: Outcome) -> None:
    assert outcome(GOOD)[0] == 0
    code, output = outcome(GOOD, UNKNOWN, BAD)
    assert (code, "jinja2 2.4.1: PYSEC-2014-8 (fixed in: 2.7.2)" in output) == (1, True)


def test_audit_unknown_package_fails(outcome: Outcome) -> None:
    code, output = outcome(GOOD, UNKNOWN)
    assert (code, "1 could not be looked up: click." in output) == (1, True)


@pytest.mark.parametrize("name", ["PYSEC-2014-8", "CVE-2014-1402"])
def test_audit_accepted_advisory_passes_until_its_review(outcome: Outcome, name: str) -> None:
    tomorrow = Acceptance("never imported", TODAY + timedelta(days=1))
    code, output = outcome(BAD, accepted={name: tomorrow})
    assert (code, "Accepted: jinja2 2.4.1: PYSEC-2014-8 (never imported)" in output) == (0, True)
    assert outcome(BAD, accepted={name: tomorrow._replace(review_on=TODAY)})[0] == 1
    assert outcome(BAD, accepted={"PYSEC-2014-9": tomorrow})[0] == 1


def test_audit_unreadable_report_fails(tmp_path: Path) -> None:
    """The real pip-audit rejects a requirement without a hash."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("jinja2==2.4.1\n")
    with pytest.raises(click.ClickException) as refused:
        audit.report_on(requirements)
    assert "hash" in refused.value.message
