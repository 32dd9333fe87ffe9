"""Examination of prepared statements: whether the server's connections prepare any, and why not."""

from todo_graphql.doctor.endpoints import Path
from todo_graphql.doctor.findings import ADVICE, GOOD, Finding
from todo_graphql.settings.environment_variables import PreparedStatementsMode
from todo_graphql.store.postgres.connection import ViewerConnection


def examine_preparation(
    connection: ViewerConnection, path: Path, mode: PreparedStatementsMode, *, has_citus: bool
) -> Finding:
    """Examine whether frequent statements are prepared."""
    if not connection.prepares_statements:
        return _reason_against(path, mode, has_citus=has_citus)
    if path is not Path.POOLED:
        return Finding(GOOD, "Frequent statements are prepared.")
    return Finding(
        ADVICE,
        "DATABASE_PREPARED_STATEMENTS is on, but connections share sessions: set it to off.",
    )


def _reason_against(path: Path, mode: PreparedStatementsMode, *, has_citus: bool) -> Finding:
    if has_citus:
        return Finding(GOOD, "No statements are prepared: the database has Citus.")
    if mode == "off":
        return Finding(GOOD, "No statements are prepared: DATABASE_PREPARED_STATEMENTS is off.")
    if path is Path.POOLED:
        return Finding(GOOD, "No statements are prepared: connections share sessions.")
    if path is Path.PROXIED and mode == "auto":
        return Finding(
            ADVICE,
            "No statements are prepared through a proxy or a pooler. It gives each connection a "
            "session of its own, so DATABASE_PREPARED_STATEMENTS=on would save PostgreSQL's time.",
        )
    return Finding(ADVICE, "No statements are prepared before `todo-graphql migrate` has run.")
