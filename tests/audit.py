"""`make audit`: looks the pinned packages up among known vulnerabilities, by pip-audit.

pip-audit is content when a package is not known where it asks, as on a mirror or behind a
firewall. Here nothing counts as looked up that was not, and it is said.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

ROOT = Path(__file__).parents[1]
PINNED = ROOT / "requirements/development.txt"
"""It holds what the server needs, too."""

AWAY = ("ConnectionError", "ConnectTimeout", "ReadTimeout")
"""What is in pip-audit's traceback where there is no network."""


class Audit(NamedTuple):
    """What is known of the packages."""

    vulnerable: Sequence[str]
    unknown: Sequence[str]
    """Those that could not be looked up."""


def judge(report: Mapping[str, Any]) -> Audit:
    """What a report of pip-audit says."""
    packages = report["dependencies"]
    vulnerable = [
        f"{package['name']} {package['version']}: {found['id']}"
        f" (mended in: {' or '.join(found['fix_versions']) or 'none yet'})"
        for package in packages
        for found in package.get("vulns", ())
    ]
    return Audit(vulnerable, [package["name"] for package in packages if "vulns" not in package])


def report_on(requirements: Path) -> Mapping[str, Any]:
    """pip-audit's report, of nothing where there is no network. Raises ClickException where it
    fails otherwise: what is not understood is no good news.
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
        if any(name in finished.stderr for name in AWAY):
            return {"dependencies": [{"name": "any package"}]}
        raise click.ClickException(finished.stderr.strip()) from None
    return report


@click.command()
@click.option("--if-reachable", is_flag=True, help="Be content where nobody can be asked.")
def main(if_reachable: bool) -> None:
    """Look the pinned packages up. Exit code 1 when one of them is known to be vulnerable, or
    when not all of them could be looked up.
    """
    audit = judge(report_on(PINNED))
    if audit.vulnerable:
        raise click.ClickException("\n  ".join(["Known vulnerabilities:", *audit.vulnerable]))
    if not audit.unknown:
        click.echo("No pinned package is known to be vulnerable.")
        return
    names = ", ".join(audit.unknown[:3]) + (" and others" if len(audit.unknown) > 3 else "")
    sentence = f"Nobody could be asked whether {names} ({len(audit.unknown)}) are vulnerable."
    if not if_reachable:
        raise click.ClickException(sentence)
    click.echo(f"NOT AUDITED: {sentence}", err=True)


if __name__ == "__main__":
    main()
