"""Statements that an operation has sent."""

from todo_graphql.store.postgres.connection import ViewerConnection


def count_statements(connection: ViewerConnection) -> int:
    """Return the number of statements, without those that prepare another one."""
    return sum(not timing.sql.startswith("PREPARE ") for timing in connection.timings)
