"""Statements and migrations for Citus, on a stand-in for the extension.

`make test CITUS_URL=…` runs the tests of the store on a cluster.
"""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administer, administering
from tests.support.citus import install_stand_in
from tests.support.isolation import somebody
from tests.support.servers import scratch_database, settings_for
from todo_graphql.doctor.cluster import examine_cluster
from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.errors import BadUserInput
from todo_graphql.store.models import metadata
from todo_graphql.store.postgres import citus, migrations, rls_check
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.errors import UnexpectedDatabaseError
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask

pytestmark = pytest.mark.plain_postgresql

DISTRIBUTED = text("SELECT logicalrelid::text, owner, colocation FROM pg_dist_partition")
FORCED = text("SELECT relname FROM pg_class WHERE relforcerowsecurity AND relrowsecurity")
CAN_LOGIN = text("SELECT bool_and(rolcanlogin) FROM pg_roles WHERE rolname = ANY (:names)")


@pytest.fixture
def empty(postgresql: SecretStr) -> Iterator[SecretStr]:
    """Yield a database with the stand-in, and no migration."""
    with scratch_database(postgresql) as url:
        with administering(url) as admin:
            install_stand_in(admin)
        yield url


@pytest.fixture
def cluster(empty: SecretStr) -> SecretStr:
    """Return a database with the stand-in and all migrations."""
    migrations.upgrade(settings_for(empty))
    return empty


def examine(url: SecretStr) -> list[Finding]:
    with administering(url) as admin:
        return list(examine_cluster(admin))


def test_migration_distributes_every_table_by_user(cluster: SecretStr) -> None:
    migrations.upgrade(settings_for(cluster))  # changes nothing: a table is distributed once
    with administering(cluster) as admin:
        tables = {row[0]: (row[1], row[2]) for row in admin.execute(DISTRIBUTED)}
        forced = set(admin.execute(FORCED).scalars())
        can_login = admin.execute(CAN_LOGIN, {"names": list(citus.LOGIN_ROLES)}).scalar_one()
    assert tables.pop("users") == ("id", "none")
    assert tables.pop("database_history") == (None, None)  # on all workers
    assert set(tables.values()) == {("user_id", "users")}
    assert {"users", *tables} == forced == metadata.tables.keys() - {"database_history"}
    assert can_login


def test_referenced_tables_are_distributed_first() -> None:
    names = list(citus.OWNERS)
    for table in metadata.sorted_tables:
        for constraint in table.foreign_key_constraints:
            assert names.index(constraint.referred_table.name) < names.index(table.name)


def test_older_version_is_rejected_before_migrations(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url:
        with administering(url) as admin:
            install_stand_in(admin, "13.0-1")
        with pytest.raises(citus.CitusVersionError, match=r"13\.0-1 is not supported: install 13"):
            migrations.upgrade(settings_for(url))
        with administering(url) as admin:
            assert admin.execute(text("SELECT to_regclass('users')")).scalar_one() is None
        (finding,) = examine(url)
    assert finding.mark == FATAL
    assert "ALTER EXTENSION citus UPDATE" in finding.sentence


def test_settings_reach_workers_by_a_block(cluster: SecretStr) -> None:
    """The block is a part of the message, and the settings end with the message."""
    database, alice = Database(settings_for(cluster)), somebody("alice")
    own = text("SELECT current_user, coalesce(current_setting('app.user_id', true), '')")
    with database.connect_as(alice) as connection:
        assert connection.read(own) == [("todo_app", str(alice.id))]
        assert Tasks(connection).create([NewTask("milk")], ["input"]).number == 1
        with connection.transaction():
            assert connection.read(own) == [("todo_app", str(alice.id))]
        assert connection.read(text("SELECT title FROM tasks")) == [("milk",)]
    with database.connect_as(somebody("bob")) as connection:
        assert connection.read(text("SELECT title FROM tasks")) == []
    preamble = database.preamble(alice)
    assert preamble.startswith("DO $$BEGIN SET LOCAL citus.propagate_set_commands = 'local'; ")
    database.engine.dispose()  # the next connection is the first one of its pool
    with database.engine.connect() as bare:
        assert database.preamble(alice) == preamble
        assert bare.execute(own).one() == ("postgres", "")
    database.close()


def test_plain_postgresql_needs_no_block(database: Database) -> None:
    alice = somebody("alice")
    with database.connect_as(alice) as connection:
        connection.read(text("SELECT 1"))
    assert not database.has_citus
    assert database.preamble(alice).startswith("SET LOCAL ROLE todo_app; ")


def test_rls_check_accepts_isolated_workers(cluster: SecretStr) -> None:
    database = Database(settings_for(cluster))
    rls_check.check_row_level_security(database)
    database.close()


def test_rls_check_rejects_worker_that_bypasses_row_level_security(cluster: SecretStr) -> None:
    administer(cluster, "UPDATE workers SET result = 't' WHERE nodename = 'two'")
    database = Database(settings_for(cluster))
    with pytest.raises(rls_check.UnsafeDatabaseError, match="on the worker two:5432"):
        rls_check.check_row_level_security(database)
    database.close()


def test_violated_constraint_is_found_in_message_of_worker(database: Database) -> None:
    """A worker's error arrives without the name of the constraint as a field."""
    message = 'new row for relation "tasks_102008" violates check constraint "%s"'
    raising = "DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = '{}'; END$$"
    with database.connect_as(somebody("alice")) as connection:
        for name, kind in {
            "ck_tasks_tags_number": BadUserInput,
            "ck_unknown": UnexpectedDatabaseError,
        }.items():
            with pytest.raises(kind):
                connection.read(text(raising.format(message % name)))


def test_doctor_names_tables_that_are_not_distributed(empty: SecretStr) -> None:
    (finding,) = examine(empty)
    assert finding.mark == ADVICE
    assert "Citus 13.1-1 is installed" in finding.sentence
    assert "users, " in finding.sentence


def test_doctor_names_worker_that_rejects_connections(cluster: SecretStr) -> None:
    distributed, reachable = examine(cluster)
    assert distributed == Finding(GOOD, "Citus 13.1-1 distributes the tables by user.")
    assert reachable == Finding(GOOD, "The coordinator can connect to 2 workers as todo_app.")
    administer(cluster, "UPDATE workers SET success = false WHERE nodename = 'two'")
    _, unreachable = examine(cluster)
    assert unreachable.mark == FATAL
    assert "cannot connect to the worker two:5432 as todo_app" in unreachable.sentence


def test_doctor_finds_no_cluster_on_plain_postgresql(postgresql: SecretStr) -> None:
    assert examine(postgresql) == []
