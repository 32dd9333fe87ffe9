"""What an administrator does to a database: statements that no user of the API can send."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, create_engine, text

from todo_graphql.store.postgres.engine import Database, database_url


@contextmanager
def administering(url: SecretStr) -> Iterator[Connection]:
    """The connection of a superuser, on which each statement is a transaction."""
    engine = create_engine(database_url(url), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def administer(url: SecretStr, *statements: str) -> None:
    """Run statements that answer nothing."""
    with administering(url) as connection:
        for statement in statements:
            connection.execute(text(statement))


def bare_answer(database: Database, statement: str) -> tuple[Any, ...]:
    """The row that a connection of the pool answers outside of any viewer's statement."""
    connection = database.pool.checkout()
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute(statement)
            (row,) = cursor.fetchall()
    finally:
        database.pool.give_back(connection)
    return tuple(row)
