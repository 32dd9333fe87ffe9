"""The tests of JavaScript clients: pinned packages, and the command that runs them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.packages import FOLDER, LOCK, PackagesError, require_node
from tests.support.commands import PATIENCE, environment
from tests.support.paths import ROOT

LOCKS = (LOCK, *sorted((ROOT / "requirements").glob("*.txt")))
"""The lock files of the project."""


def packages(lock: Path) -> dict[str, dict[str, object]]:
    """Return the packages of an npm lock file by path, without the project itself."""
    found: dict[str, dict[str, object]] = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return {path: package for path, package in found.items() if path}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda it: it.name)
def test_lock_file_contains_no_address(lock: Path) -> None:
    assert "://" not in lock.read_text(encoding="utf-8")


def test_npm_packages_are_pinned_with_their_hashes() -> None:
    manifest = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))["dependencies"]
    locked = packages(LOCK)
    for name, version in manifest.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert locked[f"node_modules/{name}"]["version"] == version
    assert [path for path, package in locked.items() if not package.get("integrity")] == []


def run(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run the command with these programs only."""
    return subprocess.run(
        [sys.executable, "-m", "tests.clients", *arguments],
        cwd=ROOT,
        env=environment(PATH=str(path)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def program(folder: Path, name: str, output: str) -> None:
    """Write a program that prints a line."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {output}\n")
    path.chmod(0o755)


def test_missing_node_is_reported(tmp_path: Path) -> None:
    finished = run(path=tmp_path)
    sentence = "Error: Node 20 or newer is required: it is not installed.\n"
    assert (finished.returncode, finished.stderr) == (1, sentence), finished


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("v18.20.4", "Node 20 or newer is required: found v18.20.4."),
        ("v20.20.2", "npm is required: it is not installed."),
    ],
)
def test_unusable_node_is_rejected(
    version: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "node", version)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackagesError) as caught:
        require_node()
    assert str(caught.value) == sentence


def test_usable_node_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "node", "v24.11.0")
    program(tmp_path, "npm", "11.6.0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert require_node() == "v24.11.0"


def test_unknown_client_is_rejected(tmp_path: Path) -> None:
    program(tmp_path, "node", "v24.11.0")
    program(tmp_path, "npm", "11.6.0")
    finished = run("swordfish", path=tmp_path)
    assert finished.returncode == 2, finished
    assert "swordfish is not one of apollo, browser, " in finished.stderr


def test_ci_runs_the_clients_after_the_tests() -> None:
    gate = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert gate.index("make test") < gate.index("make clients")
