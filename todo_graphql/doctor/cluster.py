"""Examination of a Citus cluster: its version, the distribution of the tables, and its workers."""

from collections.abc import Iterator

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.store.postgres import citus
from todo_graphql.store.postgres.errors import is_privilege_missing
from todo_graphql.store.postgres.preamble import APP_ROLE


def examine_cluster(connection: Connection) -> Iterator[Finding]:
    """Examine the cluster. Yields nothing where the extension is not installed."""
    try:
        version = citus.installed_version(connection)
    except citus.CitusVersionError as error:
        yield Finding(FATAL, str(error))
        return
    if version is None:
        return
    local = citus.local_tables(connection)
    if local:
        yield Finding(
            ADVICE,
            f"Citus {version} is installed, and these tables are not distributed: "
            f"{', '.join(local)}. Run `todo-graphql migrate`.",
        )
        return
    yield Finding(GOOD, f"Citus {version} distributes the tables by user.")
    yield from examine_workers(connection)


def examine_workers(connection: Connection) -> Iterator[Finding]:
    """Examine whether the coordinator can connect to the workers as the role of viewers."""
    connection.exec_driver_sql("BEGIN")
    try:
        connection.exec_driver_sql(f"SET LOCAL ROLE {APP_ROLE}")
        workers = citus.find_workers(connection)
    except DBAPIError as error:
        if not is_privilege_missing(error):
            raise
        return  # the check of the isolation reports it
    finally:
        connection.exec_driver_sql("ROLLBACK")
    unreachable = [worker.address for worker in workers if not worker.is_reachable]
    for address in unreachable:
        yield Finding(
            FATAL,
            f"The coordinator cannot connect to the worker {address} as {APP_ROLE}: start the "
            "worker, and allow this role in its pg_hba.conf.",
        )
    if workers and not unreachable:
        yield Finding(GOOD, f"The coordinator can connect to {len(workers)} workers as {APP_ROLE}.")
