"""What an administrator does to a database: statements that no user of the API can send."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr
from sqlalchemy import Connection, create_engine, text

from todo_graphql.store.database import database_url


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
