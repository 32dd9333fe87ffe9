"""`todo-graphql migrate`: concurrency, endpoints, and the reasons to refuse."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administer, administering
from tests.support.commands import Command, refusal, run, until
from tests.support.servers import migrated_to, scratch_database, settings_for
from todo_graphql.store.postgres import migrations
from todo_graphql.store.postgres.engine import database_url
from todo_graphql.store.postgres.migrations import MigrationPermissionError

MIGRATION_LOCK = 7_406_531_042


@pytest.fixture
def empty(postgresql: SecretStr) -> Iterator[SecretStr]:
    """Yield an empty database."""
    with scratch_database(postgresql) as url:
        yield url


@pytest.mark.no_cover
def test_second_migration_changes_nothing(empty: SecretStr, tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        finished = run("migrate", folder=tmp_path, DATABASE_URL=empty.get_secret_value())
        assert (finished.returncode, finished.stderr) == (0, "")
        assert finished.stdout == f"The database is at revision {migrations.head()}.\n"
        with administering(empty) as connection:
            tables = text("SELECT oid FROM pg_class WHERE relname IN ('users', 'tasks')")
            found.append(set(connection.execute(tables).scalars()))
    assert len(found[0]) == 2
    assert found[0] == found[1]


@pytest.mark.no_cover
def test_migration_beside_earlier_servers_is_finished_later(
    empty: SecretStr, tmp_path: Path
) -> None:
    url, finish = empty.get_secret_value(), "migrate --finish"
    migrated_to(empty, "0004")
    outputs = [
        run(*command, folder=tmp_path, DATABASE_URL=url).stdout
        for command in (["migrate"], ["migrate"], ["migrate", "--finish"], ["migrate"])
    ]
    expanded, finished = (
        f"The database is at revision {revision}.\n"
        for revision in (migrations.EXPANDED, migrations.head())
    )
    assert outputs[0] == outputs[1]
    assert outputs[0].startswith(expanded)
    assert finish in outputs[0]
    assert outputs[2:] == [finished, finished]


@pytest.mark.no_cover
def test_concurrent_migrations_wait_for_each_other(empty: SecretStr, tmp_path: Path) -> None:
    """One of two runs migrates, and the other one then finds nothing to do."""
    # Each run has a connection that migrates, and one that waits for the lock.
    waiting = text(
        "SELECT count(*) = 4 FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'todo-graphql'"
    )
    url = empty.get_secret_value()
    with (
        administering(empty) as connection,
        Command("migrate", folder=tmp_path, DATABASE_URL=url) as one,
        Command("migrate", folder=tmp_path, DATABASE_URL=url) as other,
    ):
        connection.execute(text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
        until(lambda: connection.execute(waiting).scalar(), "two waiting runs")
        connection.execute(text(f"SELECT pg_advisory_unlock({MIGRATION_LOCK})"))
        assert (one.process.wait(60), other.process.wait(60)) == (0, 0)
        assert one.output == other.output


@pytest.mark.no_cover
def test_migrate_uses_the_direct_endpoint(empty: SecretStr, tmp_path: Path) -> None:
    """DATABASE_URL is not reachable here."""
    finished = run(
        "migrate",
        folder=tmp_path,
        DATABASE_URL="postgresql://127.0.0.1:1/nothing",
        DATABASE_URL_UNPOOLED=empty.get_secret_value(),
    )
    assert finished.returncode == 0, finished


def test_newer_database_is_not_migrated(empty: SecretStr, tmp_path: Path) -> None:
    url = empty.get_secret_value()
    assert run("migrate", folder=tmp_path, DATABASE_URL=url).returncode == 0
    administer(empty, "UPDATE alembic_version SET version_num = '9999'")
    assert "9999" in refusal("migrate", folder=tmp_path, DATABASE_URL=url)


@pytest.mark.no_cover
@pytest.mark.usefixtures("settings")
def test_existing_roles_without_grants_are_reported(empty: SecretStr, tmp_path: Path) -> None:
    """Another role has created the roles. The error names all missing privileges."""
    with owner_of(empty) as (role, url):
        sentence = refusal("migrate", folder=tmp_path, DATABASE_URL=url.get_secret_value())
        assert "CREATEROLE" in sentence
        assert "GRANT todo_app, todo_upkeep TO it" in sentence
        administer(empty, f"ALTER ROLE {role} CREATEROLE")
        try:
            migrations.upgrade(settings_for(url))  # suffices before PostgreSQL 16
        except MigrationPermissionError as reason:
            assert str(reason) == sentence  # noqa: PT017 - depends on the version
        administer(empty, f"GRANT todo_app, todo_upkeep TO {role}")
        migrations.upgrade(settings_for(url))


@contextmanager
def owner_of(url: SecretStr) -> Iterator[tuple[str, SecretStr]]:
    """Yield a role that owns the database and has no other privilege, and its URL."""
    name = database_url(url).database
    administer(
        url,
        f"CREATE ROLE {name} LOGIN PASSWORD 'swordfish'",
        f"ALTER DATABASE {name} OWNER TO {name}",
    )
    own = database_url(url).set(username=name, password="swordfish", drivername="postgresql")
    try:
        yield str(name), SecretStr(own.render_as_string(hide_password=False))
    finally:
        administer(
            url,
            f"ALTER DATABASE {name} OWNER TO CURRENT_USER",
            f"DROP OWNED BY {name}",
            f"DROP ROLE {name}",
        )


def test_missing_or_unreachable_database_is_rejected(tmp_path: Path) -> None:
    assert refusal("migrate", folder=tmp_path).startswith("DATABASE_URL is not set: ")
    sentence = refusal("migrate", folder=tmp_path, DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert sentence == (
        "The database is unavailable. Try again in a moment. Run `todo-graphql doctor` for details."
    )
