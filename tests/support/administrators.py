"""Statements of a database administrator, which the API cannot send."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import connection as DriverConnection  # noqa: N812 - it is a class
from pydantic import SecretStr
from sqlalchemy import Connection, create_engine, text

from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.engine import Database, database_url


@contextmanager
def administering(url: SecretStr) -> Iterator[Connection]:
    """Yield a superuser's connection in autocommit mode."""
    engine = create_engine(database_url(url), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def administer(url: SecretStr, *statements: str) -> None:
    """Run statements that return no rows."""
    with administering(url) as connection:
        for statement in statements:
            connection.execute(text(statement))


def bare_answer(database: Database, statement: str) -> tuple[Any, ...]:
    """Return the only row of a statement on a pooled connection that has no viewer."""
    connection = database.pool.checkout()
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute(statement)
            (row,) = cursor.fetchall()
    finally:
        database.pool.give_back(connection)
    return tuple(row)


@contextmanager
def administrator(settings: Settings) -> Iterator[DriverConnection]:
    """Yield a psycopg2 connection in autocommit mode that sees all rows."""
    connection = psycopg2.connect(settings.required_database_url().get_secret_value())
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()
