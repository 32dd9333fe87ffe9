"""Databases on a Citus cluster: the extension does not create them on the other nodes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.pool import NullPool

from todo_graphql.store.postgres.citus import IS_INSTALLED

NODES = text("SELECT nodename, nodeport FROM pg_dist_node ORDER BY groupid")
SET_COORDINATOR = text("SELECT citus_set_coordinator_host(:host, :port)")
ADD_NODE = text("SELECT citus_add_node(:host, :port)")


class Node(NamedTuple):
    """Address of a server of the cluster, as the others reach it."""

    host: str
    port: int


def nodes_of(admin: Connection) -> list[Node]:
    """Return the coordinator and the workers; no node if the server is not part of a cluster."""
    if not admin.exec_driver_sql(IS_INSTALLED).scalar_one():
        return []
    return [Node(*row) for row in admin.execute(NODES)]


def create_cluster_database(url: URL, name: str, nodes: list[Node]) -> None:
    """Create a database on all nodes, and connect them."""
    for node in nodes:
        with _administering(url, node) as admin:
            admin.execute(text(f"CREATE DATABASE {name}"))
        with _administering(url.set(database=name), node) as admin:
            admin.execute(text("CREATE EXTENSION citus"))
    coordinator, *workers = nodes
    with _administering(url.set(database=name), coordinator) as admin:
        admin.execute(SET_COORDINATOR, coordinator._asdict())
        for worker in workers:
            admin.execute(ADD_NODE, worker._asdict())


def drop_cluster_database(url: URL, name: str, nodes: list[Node]) -> None:
    """Drop a database on all nodes."""
    for node in nodes:
        with _administering(url, node) as admin:
            admin.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def _administering(url: URL, node: Node) -> Iterator[Connection]:
    engine = create_engine(
        url.set(host=node.host, port=node.port), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with engine.connect() as connection:
        yield connection


# The parts of the extension that the package uses, on one server: the tables stay local.
STAND_IN = """
SET allow_system_table_mods = on;
INSERT INTO pg_extension
SELECT 16000, 'citus', extowner, extnamespace, false, '{version}', NULL, NULL
FROM pg_extension WHERE extname = 'plpgsql';
CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY, owner text, colocation text);
CREATE TABLE workers (nodename text, nodeport int, success bool, result text);
INSERT INTO workers VALUES ('one', 5432, true, 'f'), ('two', 5432, true, 'f');
GRANT SELECT ON workers TO PUBLIC;
CREATE FUNCTION create_distributed_table(name regclass, owner text, colocate_with text)
RETURNS void LANGUAGE sql AS 'INSERT INTO pg_dist_partition VALUES (name, owner, colocate_with)';
CREATE FUNCTION create_reference_table(name regclass)
RETURNS void LANGUAGE sql AS 'INSERT INTO pg_dist_partition VALUES (name, NULL, NULL)';
CREATE FUNCTION truncate_local_data_after_distributing_table(name regclass)
RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION run_command_on_workers(command text) RETURNS SETOF workers
LANGUAGE sql AS 'SELECT * FROM workers';
"""


def install_stand_in(admin: Connection, version: str = "13.1-1") -> None:
    """Install a stand-in for the extension on plain PostgreSQL."""
    admin.exec_driver_sql(STAND_IN.format(version=version))
