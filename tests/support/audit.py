"""`make audit`: a check of the pinned packages for known vulnerabilities, by pip-audit.

pip-audit succeeds when its index does not know a package, as on a mirror or behind a firewall. This
command fails then. The tests do not run it: an advisory that is published today must not break a
checkout that passed yesterday.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import click

from tests.support.paths import ROOT

PINNED = ROOT / "requirements/test.txt"
"""All packages that are pinned for any purpose."""

CONNECTION_ERRORS = ("ConnectionError", "ConnectTimeout", "ReadTimeout")
"""Names in the traceback of a pip-audit that has no network."""


class Acceptance(NamedTuple):
    """An advisory that does not concern this project."""

    reason: str
    review_on: date
    """From this day on the advisory fails the audit again."""


ACCEPTED: Mapping[str, Acceptance] = {}
"""By the advisory's id or alias. Each needs a reason, and a date at most six months ahead."""


class Audit(NamedTuple):
    """The result of the look-up."""

    vulnerable: list[str]
    accepted: list[str]
    unknown: list[str]
    """Packages that could not be looked up."""


def judge(report: Mapping[str, Any], accepted: Mapping[str, Acceptance], today: date) -> Audit:
    """Sort a report of pip-audit into vulnerable, accepted and unknown."""
    packages = report["dependencies"]
    result = Audit([], [], [package["name"] for package in packages if "vulns" not in package])
    for package, advisory in advisories(packages):
        found = f"{package['name']} {package['version']}: {advisory['id']}"
        acceptance = acceptance_of(advisory, accepted)
        if acceptance is not None and today < acceptance.review_on:
            result.accepted.append(f"{found} ({acceptance.reason})")
        else:
            fixes = " or ".join(advisory["fix_versions"]) or "none yet"
            result.vulnerable.append(f"{found} (fixed in: {fixes})")
    return result


def advisories(packages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, Any]]:
    """Yield each package with each of its advisories."""
    for package in packages:
        for advisory in package.get("vulns", ()):
            yield package, advisory


def acceptance_of(
    advisory: Mapping[str, Any], accepted: Mapping[str, Acceptance]
) -> Acceptance | None:
    """Return the acceptance of this advisory, by any of its names."""
    names = (advisory["id"], *advisory.get("aliases", ()))
    return next((accepted[name] for name in names if name in accepted), None)


def report_on(requirements: Path) -> Mapping[str, Any]:
    """Return pip-audit's report. Without a network the report is of one unknown package.

    Raises ClickException when pip-audit fails otherwise.
    """
    options = ("--format", "json", "--progress-spinner", "off", "--disable-pip", "--require-hashes")
    finished = subprocess.run(
        [sys.executable, "-m", "pip_audit", *options, "--requirement", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        report: Mapping[str, Any] = json.loads(finished.stdout)
    except ValueError:
        if any(name in finished.stderr for name in CONNECTION_ERRORS):
            return {"dependencies": [{"name": "any package"}]}
        raise click.ClickException(finished.stderr.strip()) from None
    return report


@click.command()
def main() -> None:
    """Look the pinned packages up.

    Exit code 1 when one of them is known to be vulnerable, or could not be looked up.
    """
    audit = judge(report_on(PINNED), ACCEPTED, datetime.now(UTC).date())
    for line in audit.accepted:
        click.echo(f"Accepted: {line}")
    if audit.vulnerable:
        raise click.ClickException("\n  ".join(["Known vulnerabilities:", *audit.vulnerable]))
    if audit.unknown:
        names = ", ".join(audit.unknown[:3]) + (" and others" if len(audit.unknown) > 3 else "")
        raise click.ClickException(f"{len(audit.unknown)} could not be looked up: {names}.")
    click.echo("No pinned package is known to be vulnerable.")


if __name__ == "__main__":
    main()
