"""Statements that are built once: for every viewer, for every value, and not for another day."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from tests.administrators import administering
from todo_graphql.config import Settings
from todo_graphql.errors import Unavailable
from todo_graphql.store import pages, prepared
from todo_graphql.store.database import Database, Viewer, ViewerConnection
from todo_graphql.store.filters import AllOf, Comparison, Not, TaskFilter
from todo_graphql.store.orders import OrderField, OrderKey
from todo_graphql.store.pagination import Listing, PageRequest
from todo_graphql.store.rows import NewTask
from todo_graphql.store.tasks import Tasks


@pytest.fixture
def viewer() -> Viewer:
    """Somebody."""
    return Viewer(uuid.uuid4())


@pytest.fixture
def connection(database: Database, viewer: Viewer) -> Iterator[ViewerConnection]:
    with database.connect_as(viewer) as own:
        Tasks(own, viewer).create([NewTask(title) for title in "abcd"], ["input"] * 4)
        yield own


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was built since: nothing was known before."""
    monkeypatch.setattr(prepared.STATEMENTS, "_known", {})
    requests: list[Any] = []
    build = pages._page

    def noting(mine: Any, request: Any) -> Any:
        requests.append(request)
        return build(mine, request)

    monkeypatch.setattr(pages, "_page", noting)
    return requests


def test_pages_of_one_list_are_built_once(
    database: Database, connection: ViewerConnection, viewer: Viewer, built: list[Any]
) -> None:
    """The first one, and one for all that follow, whoever asks."""
    listing = Listing(keys=(OrderKey(OrderField.TITLE),))
    titles = []
    request = PageRequest.of(listing, first=1)
    for _ in range(4):
        page = Tasks(connection, viewer).page(request)
        titles.append(page.rows[0].title)
        cursor = listing.cursor(page.places[0], page.rows[0].id)
        request = PageRequest.of(listing, first=1, after=cursor)
    assert titles == ["a", "b", "c", "d"]
    stranger = Viewer(uuid.uuid4())
    with database.connect_as(stranger) as other:
        assert Tasks(other, stranger).page(request).rows == []
    assert len(built) == 2


@pytest.mark.parametrize("operator", ["overdue", "today", "next_seven_days"])
def test_what_holds_a_day_is_built_each_time(
    connection: ViewerConnection, viewer: Viewer, built: list[Any], operator: str
) -> None:
    of_today = Not(AllOf((Comparison("due", operator, (False, "UTC")),)))
    request = PageRequest.of(Listing(TaskFilter(AllOf((of_today,)))), first=1)
    for _ in range(2):
        Tasks(connection, viewer).page(request)
    assert len(built) == 2


def test_a_place_without_a_value_is_another_shape(
    connection: ViewerConnection, viewer: Viewer, built: list[Any]
) -> None:
    """The list goes on by the id, where neither has a due date."""
    listing = Listing(keys=(OrderKey(OrderField.DUE), OrderKey(OrderField.TITLE)))
    page = Tasks(connection, viewer).page(PageRequest.of(listing, first=2))
    cursor = listing.cursor(page.places[1], page.rows[1].id)
    after = Tasks(connection, viewer).page(PageRequest.of(listing, first=2, after=cursor))
    assert [row.title for row in (*page.rows, *after.rows)] == ["a", "b", "c", "d"]
    assert len(built) == 2


def test_values_that_change_the_text_are_not_prepared(
    connection: ViewerConnection, viewer: Viewer
) -> None:
    tasks = Tasks(connection, viewer)
    ids = tuple(uuid.UUID(row.id) for row in tasks.page(PageRequest.of(Listing(), 2)).rows)
    for number in (0, 1, 2):
        which = TaskFilter(Comparison("id", "in", ids[:number]))
        assert len(tasks.page(PageRequest.of(Listing(which), 10)).rows) == number


def test_a_lost_connection_is_replaced(
    settings: Settings, connection: ViewerConnection, viewer: Viewer
) -> None:
    tasks = Tasks(connection, viewer)
    (row,) = connection.read(text("SELECT pg_backend_pid()"))
    with administering(settings.required_database_url()) as admin:
        admin.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": row[0]})
    with pytest.raises(Unavailable):
        tasks.find(uuid.uuid4())
    assert tasks.find(uuid.uuid4()) is None
