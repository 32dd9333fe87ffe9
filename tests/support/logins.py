"""Login roles of PostgreSQL, each for one test."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from tests.support.administrators import administer
from todo_graphql.store.postgres.engine import database_url


@contextmanager
def login(url: SecretStr, *statements: str) -> Iterator[SecretStr]:
    """Create a login role, run statements in which {role} is its name, and yield its URL."""
    role = f"login_{uuid.uuid4().hex}"
    administer(url, f"CREATE ROLE {role} LOGIN PASSWORD 'swordfish'")
    own = database_url(url).set(username=role, password="swordfish", drivername="postgresql")
    try:
        administer(url, *(statement.format(role=role) for statement in statements))
        yield SecretStr(own.render_as_string(hide_password=False))
    finally:
        administer(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
