"""The npm packages of the tests: Node, installation by the lock file, and the lock file."""

import json
import shutil
import subprocess
from pathlib import Path

import click

from todo_graphql.errors import ExpectedError

FOLDER = Path(__file__).parent
LOCK = FOLDER / "package-lock.json"
INSTALLED = FOLDER / "node_modules"
STAMP = INSTALLED / ".installed"
"""A copy of the lock file and the version of Node that the packages were installed with."""

MIN_NODE = 20
INSTALL_SECONDS = 600
QUIET = ("--no-audit", "--no-fund", "--loglevel=error")


class PackagesError(ExpectedError):
    """Node is missing or too old, or npm fails."""


def require_node() -> str:
    """Return the version of Node. Raise PackagesError if it is missing or too old."""
    node = shutil.which("node")
    version = _output(node, "--version").strip() if node else ""
    if not version or int(version.removeprefix("v").partition(".")[0]) < MIN_NODE:
        found = f"found {version}" if version else "it is not installed"
        raise PackagesError(f"Node {MIN_NODE} or newer is required: {found}.")
    if shutil.which("npm") is None:
        raise PackagesError("npm is required: it is not installed.")
    return version


def install(node_version: str) -> None:
    """Install the packages of the lock file, unless they are installed already."""
    wanted = f"{node_version}\n{LOCK.read_text(encoding='utf-8')}"
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted:
        return
    click.echo("Installing the npm packages into tests/clients/node_modules …")
    _npm("ci", "--prefer-offline", *QUIET)
    STAMP.write_text(wanted, encoding="utf-8")


def lock() -> None:
    """Write the lock file for package.json, without addresses.

    These are the addresses of packages, which .npmrc omits, and those of sponsors.
    """
    _npm("install", "--package-lock-only", *QUIET)
    content = json.loads(LOCK.read_text(encoding="utf-8"))
    for package in content["packages"].values():
        package.pop("funding", None)
    LOCK.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _npm(*arguments: str) -> None:
    try:
        finished = subprocess.run(
            ["npm", *arguments],
            cwd=FOLDER,
            stdin=subprocess.DEVNULL,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PackagesError(f"npm took longer than {INSTALL_SECONDS} seconds.") from None
    if finished.returncode != 0:
        raise PackagesError(f"npm {arguments[0]} failed.")


def _output(*command: str) -> str:
    return subprocess.check_output(command, text=True)
