"""Planner statistics, which `migrate` sets at any revision."""

import uuid

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administer, administering
from tests.support.servers import migrated_to, scratch_database, settings_for
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import migrations
from todo_graphql.store.postgres.engine import Database

pytestmark = pytest.mark.plain_postgresql

OPTIONS = text(
    "SELECT attoptions FROM pg_attribute"
    " WHERE attrelid = to_regclass('tasks') AND attname = 'user_id'"
)


def options_of(url: SecretStr) -> list[str] | None:
    with administering(url) as admin:
        found: list[str] | None = admin.execute(OPTIONS).scalar_one()
    return found


def prepares(url: SecretStr) -> bool:
    database = Database(settings_for(url))
    try:
        with database.connect_as(Viewer(uuid.uuid4())) as connection:
            return connection.prepares_statements
    finally:
        database.close()


@pytest.mark.parametrize("finish", [False, True])
def test_migrate_sets_statistics_beside_earlier_servers(
    postgresql: SecretStr, finish: bool
) -> None:
    """Statements are prepared from then on."""
    with scratch_database(postgresql) as url:
        migrated_to(url, migrations.EXPANDED)
        administer(url, "ALTER TABLE tasks ALTER user_id RESET (n_distinct)")
        assert not prepares(url)
        for _ in range(2):
            migrations.upgrade(settings_for(url), finish=finish)
            assert options_of(url) == ["n_distinct=-0.001"]
        assert prepares(url)
