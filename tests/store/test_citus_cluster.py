"""Distribution of existing rows, on a Citus cluster: `make test CITUS_URL=…`."""

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from tests.support.administrators import administer, administering
from tests.support.isolation import World, somebody
from tests.support.logins import login
from tests.support.servers import migrated_database
from todo_graphql.doctor.cluster import examine_cluster
from todo_graphql.doctor.findings import GOOD
from todo_graphql.store.postgres import citus
from todo_graphql.store.postgres.engine import database_url

pytestmark = pytest.mark.citus_cluster


def test_distribution_keeps_rows_of_an_owner_below_row_level_security(
    postgresql: SecretStr,
) -> None:
    """The owner of the tables is no superuser, so FORCE would hide the rows from Citus."""
    with migrated_database(postgresql) as url:
        world = World(url, statement=True, database=True)
        people = [somebody("one") for _ in range(20)]
        for person in people:
            world.create(person, "there")
        before = [world.everything_of(person) for person in people]
        for table in ("users", "idempotency_keys"):
            administer(
                url, f"SELECT undistribute_table('{table}', cascade_via_foreign_keys => true)"
            )
        world.database.engine.dispose()
        with administering(url) as admin:
            assert citus.local_tables(admin) == list(citus.OWNERS)
        owning = [f"ALTER TABLE {table} OWNER TO {{role}}" for table in citus.OWNERS]
        with login(url, "GRANT CREATE ON SCHEMA public TO {role}", *owning) as own:
            engine = create_engine(database_url(own))
            with engine.connect() as connection:
                citus.distribute_tables(connection)
            engine.dispose()
            superuser = database_url(url).username
            administer(url, *(statement.format(role=superuser) for statement in owning))
        with administering(url) as admin:
            assert citus.local_tables(admin) == []
        assert [world.everything_of(person) for person in people] == before
        world.database.close()


def test_rows_of_a_user_are_on_one_worker(postgresql: SecretStr) -> None:
    colocations = text(
        "SELECT DISTINCT colocationid FROM pg_dist_partition WHERE partkey IS NOT NULL"
    )
    shards = text(
        "SELECT DISTINCT nodeport FROM pg_dist_shard_placement JOIN pg_dist_shard USING (shardid)"
        " WHERE logicalrelid = 'tasks'::regclass"
    )
    with migrated_database(postgresql) as url, administering(url) as admin:
        assert len(admin.execute(colocations).all()) == 1
        assert len(admin.execute(shards).all()) > 1, "The cluster needs two workers."
        sentences = [finding.sentence for finding in examine_cluster(admin)]
        assert {finding.mark for finding in examine_cluster(admin)} == {GOOD}
    assert "distributes the tables by user" in sentences[0]
