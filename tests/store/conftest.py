"""Fixtures of the store's tests."""

from collections.abc import Iterator

import pytest

from tests.support.statements import single_connection
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.engine import Database


@pytest.fixture
def single(settings: Settings) -> Iterator[Database]:
    """Database with one connection of its own."""
    with single_connection(settings.required_database_url()) as database:
        yield database


@pytest.fixture(scope="module", params=["off", "on"], ids=["plain", "prepared"])
def mode(request: pytest.FixtureRequest) -> str:
    """Whether statements are planned for their values, or once for all values."""
    return str(request.param)
