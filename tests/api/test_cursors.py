"""Validation of cursors and of orders."""

import base64
import json
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.task_lists import Reader, ids
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.tasks.cursors import CURSOR_VERSION, Listing
from todo_graphql.store.tasks.filters import TaskFilter
from todo_graphql.store.tasks.ordering import OrderField, OrderKey
from todo_graphql.store.text.search import Search

SOME_ID = "d0d0d0d0-0000-4000-8000-000000000001"
TIME = "2026-01-01T00:00:00.000000Z"
PAGE = """
query ($filter: TaskFilter, $orderBy: [TaskOrder!], $after: String, $before: String) {
  tasks(filter: $filter, orderBy: $orderBy, after: $after, before: $before) { nodes { id } }
}
"""


def order(*fields: str, direction: str = "ASC", nulls: str = "LAST") -> list[dict[str, str]]:
    return [{"field": field, "direction": direction, "nulls": nulls} for field in fields]


LISTINGS: list[dict[str, Any]] = [
    {},
    {"orderBy": order("CREATED")},
    {"orderBy": order("DUE")},
    {"orderBy": order("DUE", nulls="FIRST")},
    {"orderBy": order("DUE", direction="DESC")},
    {"orderBy": order("COMPLETED")},
    {"orderBy": order("TITLE")},
    {"orderBy": order("POSITION")},
    {"orderBy": order("TITLE", "POSITION")},
    {"orderBy": order("POSITION", "TITLE")},
    {"filter": {"completed": False}},
    {"filter": {"not": {"completed": True}}},
    {"filter": {"search": "task"}},
    {"filter": {"search": "tas"}},
    {"filter": {"search": "task"}, "orderBy": order("RELEVANCE")},
    {"filter": {"search": "tas"}, "orderBy": order("RELEVANCE")},
    {"filter": {"due": {"today": False}}},
    {"filter": {"due": {"today": False, "timeZone": "Asia/Tokyo"}}},
]


@pytest.fixture(scope="module")
def reader(database: Database) -> Reader:
    reader = Reader(database)
    reader.plant([{"id": SOME_ID[:-1] + str(n), "title": f"task {n}"} for n in (1, 2)])
    return reader


@pytest.mark.parametrize("side", ["after", "before"])
@pytest.mark.parametrize("listing", LISTINGS, ids=str)
def test_cursor_of_another_listing_is_rejected(
    reader: Reader, listing: dict[str, Any], side: str
) -> None:
    cursor = reader.page(**listing)["edges"][0]["cursor"]
    for other in LISTINGS:
        if other == listing:
            assert len(ids(reader.page(**other, **{side: cursor}))) < 2
        else:
            assert reader.refusal(**other, **{side: cursor}) == ("BAD_USER_INPUT", side)


def test_cursor_of_the_trash_is_rejected_outside_it(database: Database) -> None:
    reader = Reader(database)
    reader.plant([{"id": SOME_ID, "title": "gone", "deleted_at": TIME}])
    (edge,) = reader.page(filter={"trashed": True})["edges"]
    assert reader.refusal(after=edge["cursor"]) == ("BAD_USER_INPUT", "after")


@pytest.mark.parametrize(
    "keys",
    [
        order("CREATED", "TITLE", "DUE", "PRIORITY"),
        order("TITLE", "TITLE"),
        order("TITLE", "DUE") + order("TITLE", direction="DESC"),
        order("RELEVANCE"),
        order("TITLE", "RELEVANCE"),
        order("CREATED") * 1_000,
    ],
    ids=len,
)
def test_invalid_order_is_rejected(alice: Person, keys: list[dict[str, str]]) -> None:
    refusal = alice.refusal(PAGE, orderBy=keys)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "orderBy")


@pytest.mark.parametrize("search", ["", " \n", "\0", "\ud800"])
def test_relevance_with_a_blank_search_is_rejected(reader: Reader, search: str) -> None:
    refusal = reader.refusal(filter={"search": search}, orderBy=order("RELEVANCE"))
    assert refusal == ("BAD_USER_INPUT", "orderBy")


@pytest.mark.parametrize("keys", [None, []])
def test_default_order_is_newest_first(database: Database, keys: list[Any] | None) -> None:
    reader = Reader(database)
    instants = [f"2026-01-0{n}T00:00:00Z" for n in (2, 3, 1)]
    created = [SOME_ID[:-1] + str(n) for n in range(3)]
    reader.plant(
        [
            {"id": task_id, "title": "task", "created_at": instant}
            for task_id, instant in zip(created, instants, strict=True)
        ]
    )
    assert ids(reader.page(orderBy=keys)) == [created[1], created[0], created[2]]


def forged(field: OrderField, value: object) -> str:
    """Return a cursor of the search for "task" in this order with a forged value."""
    listing = Listing(TaskFilter(search=Search("task")), (OrderKey(field),))
    content = json.dumps([CURSOR_VERSION, listing.fingerprint, [value], SOME_ID])
    return base64.urlsafe_b64encode(content.encode()).decode()


VALID: dict[OrderField, Any] = {
    OrderField.CREATED: TIME,
    OrderField.UPDATED: "0001-01-01T00:00:00.000000Z",
    OrderField.DUE: "9999-12-31T23:59:59.999999Z",
    OrderField.COMPLETED: None,
    OrderField.PRIORITY: 4,
    OrderField.TITLE: "' OR true --",
    OrderField.POSITION: "",
    OrderField.RELEVANCE: 0.6079271,
}
INVALID_TIMES = [
    5,
    True,
    "",
    "now",
    "infinity",
    TIME[:-1],
    TIME + "\n",
    "2026-13-01" + TIME[10:],
]
INVALID_TIMES += ["0000" + TIME[4:], "2026-01-01T24:00:01.000000Z", [TIME], {"a": TIME}]
INVALID_TEXTS: list[Any] = [5, True, None, ["a"], {}, 0.5, "\0", "\ud800", "a\udfff"]
INVALID: dict[OrderField, list[Any]] = {
    OrderField.CREATED: [None, *INVALID_TIMES],
    OrderField.UPDATED: [None, *INVALID_TIMES],
    OrderField.DUE: INVALID_TIMES,
    OrderField.COMPLETED: INVALID_TIMES,
    OrderField.PRIORITY: [7, -1, True, False, None, "2", 2.0, 10**400, [2], float("nan")],
    OrderField.TITLE: INVALID_TEXTS,
    OrderField.POSITION: INVALID_TEXTS,
    OrderField.RELEVANCE: [None, True, 1, "0.5", [0.5], float("nan"), float("inf"), -float("inf")],
}
INVALID[OrderField.RELEVANCE] += [1e300, -1e300, 1e39, 1e-300, 10**400]


@pytest.mark.parametrize("field", OrderField)
def test_cursor_with_a_valid_value_is_accepted(reader: Reader, field: OrderField) -> None:
    cursor = forged(field, VALID[field])
    for side in ("after", "before"):
        arguments = {"filter": {"search": "task"}, "orderBy": order(field.name), side: cursor}
        assert len(ids(reader.page(**arguments))) <= 2


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in INVALID.items() for value in values],
    ids=lambda value: value.name if isinstance(value, OrderField) else ascii(value)[:20],
)
@pytest.mark.parametrize("side", ["after", "before"])
def test_cursor_with_an_invalid_value_is_rejected(
    reader: Reader, field: OrderField, value: object, side: str
) -> None:
    cursor = forged(field, value)
    arguments = {"filter": {"search": "task"}, "orderBy": order(field.name), side: cursor}
    assert reader.refusal(**arguments) == ("BAD_USER_INPUT", side)


def test_invalid_cursor_is_rejected_over_http(alice: Person) -> None:
    for field, value in ((OrderField.TITLE, 5), (OrderField.PRIORITY, True)):
        refusal = alice.refusal(
            PAGE,
            filter={"search": "task"},
            orderBy=order(field.name),
            after=forged(field, value),
        )
        assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "after")
