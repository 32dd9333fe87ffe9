"""Citus, the extension that distributes tables over several servers: all rows of a user on one.

Every statement names one user, so the worker with this user's rows runs it (decision 0022).
"""

import re
from typing import NamedTuple

from sqlalchemy import Connection, text

from todo_graphql.errors import ExpectedError
from todo_graphql.store.models import DATABASE_HISTORY, USERS, metadata

OLDEST = (13, 1)
"""The oldest version that is supported."""

IS_INSTALLED = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')"

PROPAGATE_SETTINGS = "SET LOCAL citus.propagate_set_commands = 'local'; "

OWNERS = {USERS.name: "id"} | {
    table.name: "user_id"
    for table in metadata.sorted_tables
    if table not in (USERS, DATABASE_HISTORY)
}
"""The tables of users, referenced ones first, with their columns that identify the user."""

LOGIN_ROLES = ("todo_app", "todo_upkeep")
"""The roles as which the coordinator connects to the workers."""

VERSION = text("SELECT extversion FROM pg_extension WHERE extname = 'citus'")
DISTRIBUTED = text(
    "SELECT relname FROM pg_dist_partition JOIN pg_class ON pg_class.oid = logicalrelid"
    " WHERE logicalrelid = ANY (ARRAY(SELECT to_regclass(name) FROM unnest(:names) AS name))"
)
CANNOT_LOGIN = text("SELECT rolname FROM pg_roles WHERE rolname = ANY (:names) AND NOT rolcanlogin")
DISTRIBUTE = text("SELECT create_distributed_table(:table, :owner, colocate_with => :colocation)")
REPLICATE = text(
    "SELECT create_reference_table(:table) WHERE NOT EXISTS ("
    "SELECT FROM pg_dist_partition WHERE logicalrelid = CAST(:table AS regclass))"
)
HAS_LOCAL_ROWS = text("SELECT pg_relation_size(CAST(:table AS regclass)) > 0")
REMOVE_LOCAL_ROWS = text("SELECT truncate_local_data_after_distributing_table(:table)")
# The coordinator connects to the workers as the current role.
WORKERS = text(
    "SELECT nodename, nodeport, success, result FROM run_command_on_workers("
    "'SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user')"
)


class CitusVersionError(ExpectedError):
    """The version of Citus is not supported."""

    def __init__(self, version: str) -> None:
        oldest = ".".join(map(str, OLDEST))
        super().__init__(
            f"Citus {version} is not supported: install {oldest} or newer on all nodes, and run "
            "ALTER EXTENSION citus UPDATE."
        )


class Worker(NamedTuple):
    """Worker, as the coordinator finds it under a role."""

    address: str
    is_reachable: bool
    bypasses_rls: bool


def installed_version(connection: Connection) -> str | None:
    """Return the version of the extension, or None without it.

    Raises CitusVersionError for a version that is not supported.
    """
    version = connection.execute(VERSION).scalar()
    if version is None:
        return None
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None or tuple(map(int, numbers.groups())) < OLDEST:
        raise CitusVersionError(version)
    return str(version)


def local_tables(connection: Connection) -> list[str]:
    """Return the names of the tables that are not distributed, referenced ones first."""
    distributed = set(connection.execute(DISTRIBUTED, {"names": list(OWNERS)}).scalars())
    return [name for name in OWNERS if name not in distributed]


def prepare_migrations(connection: Connection) -> None:
    """Let a transaction change tables and functions, where the extension is installed.

    Raises CitusVersionError for a version that is not supported.
    """
    if installed_version(connection) is not None:
        # One connection to each worker: several cannot see the changes of each other.
        connection.exec_driver_sql("SET citus.multi_shard_modify_mode = 'sequential'")
    connection.commit()


def distribute_tables(connection: Connection) -> None:
    """Distribute the tables by user, where the extension is installed.

    A repeated call changes nothing. Raises CitusVersionError for a version that is not supported.
    """
    if installed_version(connection) is None:
        return
    for role in connection.execute(CANNOT_LOGIN, {"names": list(LOGIN_ROLES)}).scalars().all():
        connection.exec_driver_sql(f"ALTER ROLE {role} LOGIN")
    connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
    for table in local_tables(connection):
        _distribute_table(connection, table)
    connection.execute(REPLICATE, {"table": DATABASE_HISTORY.name})
    connection.commit()
    for table in reversed(OWNERS):  # also those that an interrupted run has distributed
        if connection.execute(HAS_LOCAL_ROWS, {"table": table}).scalar_one():
            connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
            connection.execute(REMOVE_LOCAL_ROWS, {"table": table})
        connection.commit()


def _distribute_table(connection: Connection, table: str) -> None:
    """Distribute a table with its rows. Other statements on it wait until the end."""
    colocation = "none" if table == USERS.name else USERS.name
    # Citus reads and copies the rows as the table's owner, whom FORCE restricts.
    connection.exec_driver_sql(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    connection.execute(
        DISTRIBUTE, {"table": table, "owner": OWNERS[table], "colocation": colocation}
    )
    connection.exec_driver_sql(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def find_workers(connection: Connection) -> list[Worker]:
    """Connect to all workers as the current role."""
    return [
        Worker(f"{name}:{port}", is_reachable, is_reachable and result == "t")
        for name, port, is_reachable, result in connection.execute(WORKERS)
    ]
