"""The Dockerfile, as far as it can be tested without a container engine."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.support.commands import environment
from tests.support.paths import ROOT
from todo_graphql.cli import main

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = [
    (match[1], re.sub(r"\s*\\\n\s*", " ", match[2]))
    for match in re.finditer(r"^([A-Z]+)\s+((?:.*\\\n)*.*)$", DOCKERFILE, re.MULTILINE)
]


def arguments(instruction: str) -> list[str]:
    """Return the arguments of each instruction of this name, in all stages."""
    return [text for name, text in INSTRUCTIONS if name == instruction]


def copied() -> list[str]:
    """Return the paths that are copied from the checkout."""
    copies = [shlex.split(text) for text in arguments("COPY") if not text.startswith("--from")]
    return [source for copy in copies for source in copy[:-1]]


def is_healthy(port: str | int) -> bool:
    """Return whether the health check succeeds. It must ignore proxies of the environment."""
    (check,) = arguments("HEALTHCHECK")
    python, *rest = json.loads(check[check.index("[") :])
    assert python == "python"
    variables = environment(PORT=str(port), http_proxy="http://127.0.0.1:1", no_proxy="")
    finished = subprocess.run(
        [sys.executable, *rest], env=variables, capture_output=True, timeout=30, check=False
    )
    return finished.returncode == 0


def test_image_python_is_supported() -> None:
    """Both stages have the same minor version."""
    name, version = arguments("ARG")[0].split("=")
    assert re.fullmatch(r"\d\.\d+", version)
    assert Version(version) in SpecifierSet(PROJECT["requires-python"])
    images = [text.split(" ")[0] for text in arguments("FROM")]
    assert images == ["python:${%s}-slim" % name] * 2


def test_image_copies_exist_and_match_dockerignore() -> None:
    """The exceptions in .dockerignore equal the copied paths."""
    assert [path for path in copied() if not (ROOT / path).exists()] == []
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert sorted(rule[1:] for rule in rules if rule.startswith("!")) == sorted(copied())


def test_image_copies_suffice_for_the_wheel(tmp_path: Path) -> None:
    """The wheel contains all modules and migrations."""
    for path in copied():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_dir():
            shutil.copytree(ROOT / path, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / path, target)
    (build,) = re.findall(r"python (-m hatchling build .*?) --directory", arguments("RUN")[2])
    subprocess.run([sys.executable, *build.split()], cwd=tmp_path, check=True, timeout=60)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "todo_graphql").rglob("*.py")}
    assert modules <= set(names)
    assert "todo_graphql/alembic/env.py" in names


def test_packages_are_installed_with_their_hashes() -> None:
    """The wheel is built in the image, and installed without dependencies."""
    commands = " && ".join(arguments("RUN")).split(" && ")
    installs = [text.partition(" install ")[2] for text in commands if text.startswith("pip ")]
    *pinned, own = installs
    assert len(pinned) == 2
    for install in pinned:
        assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(install.split())
    assert own == "--no-deps --no-index /wheel/*.whl"


@pytest.mark.parametrize("requirements", ["runtime", "runtime-extras"])
def test_requirements_argument_names_a_copied_file(requirements: str) -> None:
    """The default is the smaller set, with which tests/project/test_extras.py runs the server."""
    assert "REQUIREMENTS=runtime" in arguments("ARG")
    assert f"requirements/{requirements}.txt" in copied()
    assert "requirements/${REQUIREMENTS}.txt" in "".join(arguments("RUN"))


def test_image_entrypoint_is_a_command_that_receives_signals() -> None:
    """There is no shell between the engine and the server."""
    (entrypoint,), (command,) = arguments("ENTRYPOINT"), arguments("CMD")
    assert json.loads(entrypoint)[0] in PROJECT["scripts"]
    assert json.loads(command)[0] in main.commands
    assert arguments("STOPSIGNAL") == ["SIGTERM"]


def test_image_user_is_unprivileged() -> None:
    """The last stage sets a numeric user, and runs nothing afterwards."""
    last = max(index for index, (name, _) in enumerate(INSTRUCTIONS) if name == "FROM")
    final = INSTRUCTIONS[last:]
    (at,) = [index for index, (name, _) in enumerate(final) if name == "USER"]
    uid, gid = final[at][1].split(":")
    assert (int(uid) > 0, int(gid) > 0) == (True, True)
    assert not {"RUN", "COPY", "ADD"} & {name for name, _ in final[at:]}


@pytest.mark.parametrize("name", ["DATABASE_URL", "BETTER_AUTH_SECRET"])
def test_image_contains_no_secret(name: str) -> None:
    assert name not in DOCKERFILE


def test_image_health_check_detects_a_server(url: str) -> None:
    assert is_healthy(urlsplit(url).port or 0)
    assert not is_healthy(1)
