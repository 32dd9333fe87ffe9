"""Statements that an operation has sent or prepared, and databases with one connection."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr
from sqlalchemy import Text, bindparam, literal, select

from tests.support.servers import settings_for
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.statement_cache import CompiledStatement, compile_statement
from todo_graphql.store.tasks.repository import Tasks

PREPARED = "SELECT count(*), coalesce(sum(length(statement)), 0) FROM pg_prepared_statements"
"""The number of prepared statements of a session, and the length of their messages."""


def count_statements(connection: ViewerConnection) -> int:
    """Return the number of statements, without those that prepare another one."""
    commands = ("PREPARE ", "DEALLOCATE ")
    return sum(not timing.sql.startswith(commands) for timing in connection.timings)


@contextmanager
def single_connection(url: SecretStr, **given: object) -> Iterator[Database]:
    """Yield a database with one connection."""
    one = {"database_pool_size": 1, "database_max_overflow": 0}
    database = Database(settings_for(url, **one, **given))
    try:
        yield database
    finally:
        database.close()


def compiled(number: int, padding: str = "") -> CompiledStatement:
    """Return a statement that differs by its number."""
    columns = literal(f"{number}{padding}"), bindparam("viewer", type_=Text())
    return compile_statement(select(*columns), can_be_prepared=True)


def titles_of(connection: ViewerConnection) -> set[str]:
    return {task.title for page in Tasks(connection).iter_all() for task in page}
