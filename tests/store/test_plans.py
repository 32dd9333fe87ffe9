"""Query plans: every statement uses an index of the user's rows."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from pydantic import SecretStr

from tests.support.plans import FILTERS, INDEXES, ME, ORDERS, USERS, connected, explain, plan_of
from tests.support.servers import migrated_database, settings_for
from todo_graphql.store.idempotency import save_key_statement
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.statements import Statements
from todo_graphql.store.storage import counted_storage_statement, recount_storage_statement
from todo_graphql.store.tasks.cursors import Listing
from todo_graphql.store.tasks.filters import AllOf, Comparison, TaskFilter
from todo_graphql.store.tasks.inserts import insert_missing_statement, insert_parameters
from todo_graphql.store.tasks.ordering import OrderField, OrderKey
from todo_graphql.store.tasks.page_requests import PageRequest
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import ALL, NewTask
from todo_graphql.store.tasks.selections import TaskSelection
from todo_graphql.store.tasks.values.new_values import NewValues, values_parameters
from todo_graphql.store.tasks.values.rows import VALUES
from todo_graphql.store.tasks.values.updates import set_values_statement
from todo_graphql.store.tasks.zoned.pages import split_halves, zoned_page_statement
from todo_graphql.store.text.search import Search

pytestmark = pytest.mark.no_cover


@pytest.fixture(scope="module")
def connection(postgresql: SecretStr, mode: str) -> Iterator[ViewerConnection]:
    """Connection of one of several users, with current statistics."""
    with migrated_database(postgresql) as url:
        yield from connected(url, mode, dict.fromkeys(USERS, 600))


def pages(connection: ViewerConnection, key: OrderKey) -> Iterator[PageRequest]:
    """Return the first page and two pages in the middle of the list."""
    search = Search("milk") if key.field is OrderField.RELEVANCE else None
    listing = Listing(TaskFilter(search=search), (key,))
    tasks = Tasks(connection)
    yield PageRequest.from_arguments(listing, first=20)
    request = PageRequest.from_arguments(listing, first=100)
    for _ in range(tasks.count(listing.filter) // 200):
        page = tasks.page(request)
        cursor = listing.cursor(page.places[-1], page.rows[-1].id)
        request = PageRequest.from_arguments(listing, first=100, after=cursor)
    page = tasks.page(request)
    cursor = listing.cursor(page.places[0], page.rows[0].id)
    yield PageRequest.from_arguments(listing, first=20, after=cursor)
    yield PageRequest.from_arguments(listing, last=20, before=cursor)


@pytest.mark.parametrize("key", ORDERS, ids=str)
def test_page_of_every_order_uses_index(connection: ViewerConnection, key: OrderKey) -> None:
    """The index has the order, except for RELEVANCE, so no sort remains."""
    for request in pages(connection, key):
        plan = plan_of(connection, request)
        assert "Seq Scan on tasks" not in plan, plan
        if key.field in INDEXES:
            assert INDEXES[key.field] in plan, plan
            assert "Sort Key: tasks" not in plan, plan


@pytest.mark.parametrize("key", [key for key in ORDERS if key.field is OrderField.DUE], ids=str)
def test_page_in_a_time_zone_uses_index(connection: ViewerConnection, key: OrderKey) -> None:
    """Each half has the order of the index.

    A sort remains at most of a few tasks without a date, which the planner expects to be fewer.
    """
    for request in pages(connection, replace(key, zone="America/Los_Angeles")):
        shapes, values = split_halves(request)
        plan = explain(connection, zoned_page_statement(*shapes, ALL), values)
        assert "Seq Scan on tasks" not in plan, plan
        assert plan.count("ix_tasks_due") >= 2, plan
        assert "Sort Key: tasks" not in plan or key.nulls_first, plan


def test_halves_of_a_zoned_page_are_ordered_explicitly() -> None:
    """UNION ALL promises no order."""
    keys = (OrderKey(OrderField.DUE, zone="America/Los_Angeles"),)
    request = PageRequest.from_arguments(Listing(keys=keys), first=20)
    shapes, _ = split_halves(request)
    statement = zoned_page_statement(*shapes, ALL)
    text = str(statement.build(Statements.scope, *statement.arguments))
    assert text.endswith("ORDER BY half, number")


def test_range_of_days_uses_index(connection: ViewerConnection) -> None:
    """Both ends of the range are conditions of the index."""
    zone = "America/Los_Angeles"
    days = [Comparison("due", name, (date(2020, 1, 31), zone)) for name in ("from", "to")]
    listing = Listing(TaskFilter(AllOf(tuple(days))), (OrderKey(OrderField.DUE),))
    plan = plan_of(connection, PageRequest.from_arguments(listing, first=20))
    assert re.search(r"Index Cond: .*due >= .*due <= ", plan), plan


@pytest.mark.parametrize("which", FILTERS.values(), ids=FILTERS)
def test_every_filter_uses_user_index(connection: ViewerConnection, which: TaskFilter) -> None:
    """The index begins with the user, so no other user's tasks are read."""
    plan = plan_of(connection, PageRequest.from_arguments(Listing(which), first=20))
    assert "Seq Scan on tasks" not in plan, plan
    assert "user_id = " in plan


@pytest.mark.plain_postgresql
def test_insert_finds_existing_ids_by_primary_key(postgresql: SecretStr, mode: str) -> None:
    """Without statistics, a join would read all tasks of the user for each batch of an import."""
    with migrated_database(postgresql) as url:
        database = Database(settings_for(url, database_prepared_statements=mode))
        with database.connect_as(ME) as own:
            values = insert_parameters([NewTask("new", id=ME.id)])
            plan = explain(own, insert_missing_statement(first=True), values, "COSTS OFF")
        database.close()
    assert re.search(r"Index Cond: \(\(user_id = .*\(id = ANY \(", plan), plan


@pytest.mark.plain_postgresql
def test_new_values_find_tasks_by_primary_key(postgresql: SecretStr, mode: str) -> None:
    """Without statistics, a join would read all tasks of the user."""
    with migrated_database(postgresql) as url:
        database = Database(settings_for(url, database_prepared_statements=mode))
        with database.connect_as(ME) as own:
            _, values = TaskSelection(ids=(ME.id,)).split()
            values |= values_parameters([NewValues(ME.id, {"title": "new"})])
            statement = set_values_statement(ALL, VALUES, first=True)
            plan = explain(own, statement, values, "COSTS OFF").splitlines()
        database.close()
    scans = [line for line in plan if "Index Cond: ((user_id = " in line]
    assert len(scans) == 3
    assert all("(id = ANY (" in line for line in scans)
    assert not [line for line in plan if "Seq Scan" in line]


def test_recount_reads_own_tasks_by_index(connection: ViewerConnection) -> None:
    for key in (counted_storage_statement(), recount_storage_statement()):
        plan = explain(connection, key, options="COSTS OFF")
        assert "Seq Scan" not in plan, plan
        assert "user_id = " in plan


def test_idempotency_key_is_saved_by_primary_key(connection: ViewerConnection) -> None:
    values = {"own_key": "k", "own_digest": b"", "own_answer": ""}
    plan = explain(connection, save_key_statement(), values, "COSTS OFF")
    assert "Seq Scan" not in plan, plan
    assert "pk_idempotency_keys" in plan
