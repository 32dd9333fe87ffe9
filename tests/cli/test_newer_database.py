"""Commands on a database that a newer release has migrated."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support.administrators import administer
from tests.support.commands import Service, refusal, run
from tests.support.servers import SECRET, migrated_database
from todo_graphql.doctor.findings import ADVICE
from todo_graphql.store.postgres import migrations

pytestmark = pytest.mark.no_cover

SENTENCE = (
    f"The database is at revision 9999, which is newer than this release (newest revision "
    f"{migrations.head()}). This release can serve it, but only a newer one can migrate it."
)


@pytest.fixture
def environment(postgresql: SecretStr) -> Iterator[dict[str, str]]:
    """Yield the environment of a command on a newer database."""
    with migrated_database(postgresql) as url:
        administer(url, "UPDATE alembic_version SET version_num = '9999'")
        yield {"DATABASE_URL": url.get_secret_value(), "BETTER_AUTH_SECRET": SECRET}


def test_migrate_rejects_newer_database(environment: dict[str, str], tmp_path: Path) -> None:
    assert refusal("migrate", folder=tmp_path, **environment) == SENTENCE


def test_doctor_advises_about_newer_database(environment: dict[str, str], tmp_path: Path) -> None:
    finished = run("doctor", folder=tmp_path, **environment)
    assert finished.returncode == 0
    assert f"{ADVICE} {SENTENCE}" in finished.stdout.splitlines()


def test_serve_serves_newer_database_with_a_warning(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with Service("serve", "--port", "0", folder=tmp_path, **environment) as service:
        assert SENTENCE in service.output
        assert service.get("/health/ready").status_code == 200
