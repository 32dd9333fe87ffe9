"""Statement cache: statements are shared by viewers and values."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Text, cast, literal, select, text

from tests.support.administrators import administering
from todo_graphql.cache import Cache
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import statement_cache
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.scope import VIEWER
from todo_graphql.store.tasks import pages
from todo_graphql.store.tasks.cursors import Listing
from todo_graphql.store.tasks.filters import AllOf, AnyOf, Comparison, Condition, Not, TaskFilter
from todo_graphql.store.tasks.ordering import OrderField, OrderKey
from todo_graphql.store.tasks.page_requests import PageRequest
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.text.search import Search


@pytest.fixture
def viewer() -> Viewer:
    return Viewer(uuid.uuid4())


@pytest.fixture
def connection(database: Database, viewer: Viewer) -> Iterator[ViewerConnection]:
    with database.connect_as(viewer) as own:
        Tasks(own).create([NewTask(title) for title in "abcd"], ["input"] * 4)
        yield own


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Statements built during the test, with an empty cache at its start."""
    monkeypatch.setattr(statement_cache, "STATEMENT_CACHE", Cache(100))
    requests: list[Any] = []
    build = pages.page_statement.build

    def noting(scope: Any, shape: Any, columns: Any) -> Any:
        requests.append(shape)
        return build(scope, shape, columns)

    monkeypatch.setattr(pages.page_statement, "build", noting)
    return requests


def test_pages_of_one_list_share_statements(
    database: Database, connection: ViewerConnection, viewer: Viewer, built: list[Any]
) -> None:
    """The first page has a statement, and all following pages of all viewers share another."""
    listing = Listing(keys=(OrderKey(OrderField.TITLE),))
    titles = []
    request = PageRequest.from_arguments(listing, first=1)
    for _ in range(4):
        page = Tasks(connection).page(request)
        titles.append(page.rows[0].title)
        cursor = listing.cursor(page.places[0], page.rows[0].id)
        request = PageRequest.from_arguments(listing, first=1, after=cursor)
    assert titles == ["a", "b", "c", "d"]
    stranger = Viewer(uuid.uuid4())
    with database.connect_as(stranger) as other:
        assert Tasks(other).page(request).rows == []
    assert len(built) == 2


FILTERS: dict[str, tuple[TaskFilter, TaskFilter]] = {
    "days": (
        TaskFilter(Not(AllOf((Comparison("due", "today", (False, "UTC")),)))),
        TaskFilter(Not(AllOf((Comparison("due", "today", (False, "Asia/Tokyo")),)))),
    ),
    "lists": (
        TaskFilter(Comparison("id", "in", ())),
        TaskFilter(Comparison("id", "in", (uuid.uuid4(), uuid.uuid4()))),
    ),
    "tags": (
        TaskFilter(Comparison("tags", "none", ("a",))),
        TaskFilter(Comparison("tags", "none", ("a", "b"))),
    ),
    "words": (TaskFilter(search=Search("milk")), TaskFilter(search=Search("50%"))),
    "texts": (
        TaskFilter(AnyOf((Comparison("title", "contains", "x"),))),
        TaskFilter(AnyOf((Comparison("title", "contains", "50%_/"),))),
    ),
}


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_filters_with_different_values_share_statement(
    connection: ViewerConnection, built: list[Any], filters: tuple[TaskFilter, TaskFilter]
) -> None:
    for which in filters:
        Tasks(connection).page(PageRequest.from_arguments(Listing(which), first=1))
    assert len(built) == 1


OTHERS = {
    "column": Comparison("updated_at", "lt", "2026-01-01T00:00:00Z"),
    "operator": Comparison("created_at", "gt", "2026-01-01T00:00:00Z"),
    "null": Comparison("created_at", "null", False),
    "negation": Not(Comparison("created_at", "lt", "2026-01-01T00:00:00Z")),
    "any": AnyOf((Comparison("created_at", "lt", "2026-01-01T00:00:00Z"),)),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_filters_with_different_shapes_have_own_statements(
    connection: ViewerConnection, built: list[Any], other: Condition
) -> None:
    for condition in (Comparison("created_at", "lt", "2026-01-01T00:00:00Z"), other):
        which = Listing(TaskFilter(AllOf((condition,))))
        Tasks(connection).page(PageRequest.from_arguments(which, first=1))
    assert len(built) == 2


def test_cursor_with_null_has_own_statement(
    connection: ViewerConnection, viewer: Viewer, built: list[Any]
) -> None:
    """Without due dates, the list continues by title and id."""
    listing = Listing(keys=(OrderKey(OrderField.DUE), OrderKey(OrderField.TITLE)))
    page = Tasks(connection).page(PageRequest.from_arguments(listing, first=2))
    cursor = listing.cursor(page.places[1], page.rows[1].id)
    after = Tasks(connection).page(PageRequest.from_arguments(listing, first=2, after=cursor))
    assert [row.title for row in (*page.rows, *after.rows)] == ["a", "b", "c", "d"]
    assert len(built) == 2


def test_lists_of_any_length_filter_tasks(connection: ViewerConnection) -> None:
    own = Tasks(connection)
    ids = tuple(
        uuid.UUID(row.id) for row in own.page(PageRequest.from_arguments(Listing(), 2)).rows
    )
    for number in (0, 1, 2):
        which = TaskFilter(Comparison("id", "in", ids[:number]))
        assert len(own.page(PageRequest.from_arguments(Listing(which), 10)).rows) == number


@pytest.mark.parametrize("value", ["100 %", "%s", "%(viewer)s", "a'b", "back\\slash", "ü€"])
def test_literal_value_is_quoted(connection: ViewerConnection, value: str) -> None:
    assert connection.read(select(literal(value))) == [(value,)]


def test_viewer_parameter_cannot_be_overridden(
    connection: ViewerConnection, viewer: Viewer
) -> None:
    stranger = {"viewer": str(uuid.uuid4()), "email": "x"}
    assert connection.read(select(cast(VIEWER, Text)), stranger) == [(str(viewer.id),)]


def test_read_is_retried_on_another_connection(
    settings: Settings, connection: ViewerConnection, viewer: Viewer
) -> None:
    own = Tasks(connection)
    (row,) = connection.read(text("SELECT pg_backend_pid()"))
    with administering(settings.required_database_url()) as admin:
        admin.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": row[0]})
    assert own.find(uuid.uuid4()) is None
