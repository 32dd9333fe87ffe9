"""Query plans of a user with many tasks, among users with few."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from tests.support.plans import FILTERS, INDEXES, ME, connected, explain, plan_of
from tests.support.servers import migrated_database
from todo_graphql.store.maintenance.seed import sample_users
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.statements import Statements
from todo_graphql.store.sync.changes import changes_statement
from todo_graphql.store.sync.cursor import FIRST_ID
from todo_graphql.store.tasks.cursors import Listing
from todo_graphql.store.tasks.filters import AllOf, AnyOf, Comparison, Not, TaskFilter
from todo_graphql.store.tasks.ordering import OrderField, OrderKey
from todo_graphql.store.tasks.page_requests import PageRequest
from todo_graphql.store.tasks.pages import page_statement
from todo_graphql.store.tasks.repository import count_statement
from todo_graphql.store.tasks.rows import ALL
from todo_graphql.store.tasks.selections import TaskSelection
from todo_graphql.store.tasks.updates import mark_statement
from todo_graphql.store.tasks.zoned.pages import zoned_page_statement

pytestmark = [pytest.mark.no_cover, pytest.mark.plain_postgresql]


@pytest.fixture(scope="module")
def busy(postgresql: SecretStr, mode: str) -> Iterator[ViewerConnection]:
    """Connection of a user with many tasks among users with few."""
    with migrated_database(postgresql) as url:
        yield from connected(url, mode, dict.fromkeys(sample_users(400), 3) | {ME: 2_000})


BY_PRIORITY = (OrderKey(OrderField.PRIORITY),)
OFTEN_TRUE = {
    "all": TaskFilter(),
    "open": FILTERS["open"],
    "tags": FILTERS["tags"],
    "text": TaskFilter(
        AnyOf((Comparison("title", "contains", "a"), Comparison("description", "contains", "a")))
    ),
    "search": FILTERS["search"],
}


@pytest.mark.parametrize("which", OFTEN_TRUE.values(), ids=OFTEN_TRUE)
@pytest.mark.parametrize("key", [OrderKey(field) for field in INDEXES], ids=str)
def test_page_of_a_user_with_many_tasks_is_read_in_its_order(
    busy: ViewerConnection, key: OrderKey, which: TaskFilter
) -> None:
    """The other users have so few tasks that sorting all of them seems as good."""
    plan = plan_of(busy, PageRequest.from_arguments(Listing(which, (key,)), first=20))
    assert INDEXES[key.field] in plan or "ix_tasks_open" in plan, plan
    assert "Sort Key: tasks" not in plan, plan


LONG_AGO, TOMORROW = datetime(1970, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1)
SELECTIVE = {
    "ix_tasks_live": Comparison("created_at", "gt", TOMORROW),
    "ix_tasks_updated": Comparison("updated_at", "lt", LONG_AGO),
    "ix_tasks_completed": Comparison("completed_at", "gte", TOMORROW),
}


@pytest.mark.parametrize(("index", "condition"), SELECTIVE.items(), ids=SELECTIVE)
def test_range_with_few_tasks_is_read_by_its_index(
    busy: ViewerConnection, index: str, condition: Comparison
) -> None:
    """One plan for all values would expect a third of all tasks, and read them in their order."""
    which = TaskFilter(AnyOf((AllOf((condition,)),)))
    plan = plan_of(busy, PageRequest.from_arguments(Listing(which, BY_PRIORITY), first=20))
    assert re.search(rf"{index} .*\n.*Index Cond: .* [<>]", plan), plan


def test_changes_are_read_from_their_place(busy: ViewerConnection) -> None:
    values = {"after_revision": 1, "after_id": FIRST_ID, "base": 0, "change_limit": 21}
    plan = explain(busy, changes_statement(ALL), values, "COSTS OFF")
    for index in ("ix_tasks_revision", "ix_tombstones_revision"):
        assert re.search(rf"{index} .*\n.*Index Cond: .*ROW\(revision, .*\) > ", plan), plan
    assert "Sort Key: tasks" not in plan, plan


def test_statement_with_selective_values_is_never_prepared() -> None:
    ranges = TaskFilter(Not(Comparison("created_at", "gt", TOMORROW)))
    dependent = ("priority", "overdue", "today")
    given = [(ranges, False), (TaskFilter(), True), *((FILTERS[name], False) for name in dependent)]
    given += [(FILTERS[name], True) for name in ("open", "tags", "title", "id", "search", "trash")]
    for which, is_prepared in given:
        page, _ = PageRequest.from_arguments(Listing(which), first=20).split()
        selection, _ = TaskSelection(filter=which).split()
        for key in (
            page_statement(page, ALL),
            zoned_page_statement(page, page, ALL),
            count_statement(page.filter),
            mark_statement(selection, "completed_at", ALL, frozenset(), clears=False, first=True),
        ):
            assert (key.compile(Statements.scope).preparation != "") == is_prepared
