"""Orders: pages contain every row once in sort order, for any keys."""

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from tests.support.task_lists import (
    STEADY,
    VALUES,
    WAYS,
    Key,
    Reader,
    Task,
    folded,
    ids,
    in_order,
    joined,
    walk,
)
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.text.search import Search

pytestmark = pytest.mark.no_cover

INSTANTS = (
    "2026-01-02T00:00:00.000000Z",
    "2026-01-02T00:00:00.000001Z",
    "2026-03-01T12:00:00.123456Z",
)
TITLES = ("milk", "Milk", "mílk!", "MILK bread", "bread", "Bréad", "Ärger", "arger", "zoo", "新")
NO_DATE = {"due_on": None, "due_at": None}
# A day that begins at a clock change, and those that begin first and last.
BEGINNINGS = {
    "America/Los_Angeles": "2026-03-09",
    "America/Havana": "2025-11-02",  # midnight is repeated
    "America/Sao_Paulo": "2018-11-04",  # midnight is skipped
    "Etc/GMT-14": "2026-01-02",
    "Etc/GMT+12": "2026-01-02",
}


def due_dates_around(zone: str, day: str) -> Iterator[dict[str, Any]]:
    """Yield the days and the instants around the beginning of a day."""
    begins = datetime.combine(date.fromisoformat(day), time(), ZoneInfo(zone)).astimezone(UTC)
    for days in (-1, 0, 1):
        yield NO_DATE | {"due_on": str(date.fromisoformat(day) + timedelta(days=days))}
    for microseconds in (-1, 0, 1, 3_600_000_000):
        instant = begins + timedelta(microseconds=microseconds)
        yield NO_DATE | {"due_at": f"{instant:%Y-%m-%dT%H:%M:%S.%fZ}"}


DUE_DATES = (
    NO_DATE,
    NO_DATE | {"due_on": "2026-01-02"},
    NO_DATE | {"due_on": "2026-03-01"},
    *(NO_DATE | {"due_at": instant} for instant in INSTANTS),
)
ZONED_DUE_DATES = [
    NO_DATE,
    *(one for zone in BEGINNINGS.items() for one in due_dates_around(*zone)),
]


def with_due_date(task: dict[str, Any]) -> dict[str, Any]:
    """Replace `dates` by its due dates."""
    return {**task.pop("dates"), **task}


instants = st.sampled_from(INSTANTS)
rows = st.fixed_dictionaries(
    {
        "id": st.uuids(version=4).map(str),
        "title": st.sampled_from(TITLES),
        "description": st.sampled_from((None, "milk", "the milk of the milk man")),
        "tags": st.sampled_from(([], ["Milk"], ["bread", "milk"])),
        "priority": st.integers(0, 4),
        "dates": st.sampled_from(DUE_DATES) | st.sampled_from(ZONED_DUE_DATES),
        "completed_at": st.none() | instants,
        "created_at": instants,
        "updated_at": instants,
        "rank": st.sampled_from(("1", "1V", "2", "Z", "a")),
    }
).map(with_due_date)
worlds = st.lists(rows, max_size=8, unique_by=lambda task: task["id"]) | st.lists(
    rows, min_size=9, max_size=25, unique_by=lambda task: task["id"]
)
keys = st.fixed_dictionaries(
    {
        "field": st.sampled_from(sorted(VALUES)),
        "direction": st.sampled_from(("ASC", "DESC")),
        "nulls": st.sampled_from(("FIRST", "LAST")),
    },
    optional={"timeZone": st.sampled_from(sorted(BEGINNINGS))},
)
orders = st.lists(keys, min_size=1, max_size=3, unique_by=lambda key: key["field"])
sizes = st.integers(1, 6)
ways = st.sampled_from(sorted(WAYS))


def filter_for(order: list[Key]) -> dict[str, str] | None:
    """Return the search that RELEVANCE requires."""
    return {"search": "milk"} if any(key["field"] == "RELEVANCE" for key in order) else None


def listed(reader: Reader, tasks: list[Task], which: dict[str, str] | None) -> list[Task]:
    """Return the tasks of a list with the relevance that PostgreSQL computes."""
    if which is None:
        return tasks
    ranks = "SELECT id::text, ts_rank(words, CAST(:search AS tsquery)) FROM tasks"
    relevance = dict(map(tuple, reader.select(ranks, search=Search(which["search"]).query())))
    return [
        {**task, "relevance": relevance[task["id"]]}
        for task in tasks
        if any(word.startswith(which["search"]) for word in words_of(task))
    ]


def words_of(task: Task) -> list[str]:
    return folded(" ".join([task["title"], task["description"] or "", *task["tags"]])).split()


@STEADY
@given(worlds, orders, sizes, ways)
def test_pages_are_slices_of_the_sorted_list(
    database: Database, tasks: list[Task], order: list[Key], size: int, way: str
) -> None:
    reader = Reader(database)
    reader.plant(tasks)
    which = filter_for(order)
    expected = in_order(listed(reader, tasks, which), order)
    pages = list(walk(reader, way, size, filter=which, orderBy=order))
    assert joined(pages, way) == expected
    assert len(pages) == max(1, -(-len(expected) // size))
    last = len(pages) - 1
    for number, page in enumerate(pages if way == "first" else pages[::-1]):
        assert page["pageInfo"]["hasPreviousPage"] is (number > 0)
        assert page["pageInfo"]["hasNextPage"] is (number < last)
        assert page["totalCount"] == len(expected)


@STEADY
@given(worlds.filter(bool), orders, sizes, ways, st.data())
def test_page_between_two_cursors_is_a_slice(
    database: Database,
    tasks: list[Task],
    order: list[Key],
    size: int,
    way: str,
    data: st.DataObject,
) -> None:
    reader = Reader(database)
    reader.plant(tasks)
    listing = {"filter": filter_for(order), "orderBy": order}
    edges = reader.page(first=100, **listing)["edges"]
    places = st.integers(0, max(0, len(edges) - 1))
    start, end = data.draw(places), data.draw(places)
    if not edges:
        return
    between = {"after": edges[start]["cursor"], "before": edges[end]["cursor"]}
    expected = [edge["node"]["id"] for edge in edges[start + 1 : end]]
    page = reader.page(**between, **{way: size}, **listing)
    assert ids(page) == (expected[:size] if way == "first" else expected[-size:])
    # At least the rows of the two cursors are outside the page.
    assert page["pageInfo"]["hasNextPage"] is True
    assert page["pageInfo"]["hasPreviousPage"] is True


UPDATE = "mutation ($id: ID!, $input: UpdateTaskInput!) { updateTask(id: $id, input: $input) %s }"
VERB = "mutation ($id: ID!) { %s(id: $id) { revision } }"
VERBS = ("completeTask", "reopenTask", "deleteTask", "purgeTask")

edits = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(TITLES),
        "priority": st.sampled_from(("NONE", "LOW", "URGENT")),
        "description": st.sampled_from((None, "milk")),
        "dueOn": st.sampled_from((None, "2026-01-02", "2027-01-01")),
    },
)
# Events between two pages: a new task, or a change to an existing task.
events = st.tuples(
    st.one_of(
        rows.map(lambda task: ("plant", task)),
        st.sampled_from(VERBS).map(lambda verb: (verb, None)),
        edits.map(lambda edit: ("update", edit)),
    ),
    st.integers(0, 24),
)


def apply_event(reader: Reader, event: Any, task_id: str) -> None:
    verb, content = event
    if verb == "plant":
        reader.plant([{**content, "id": task_id}])
    elif verb == "update":
        reader.ask(UPDATE % "{ revision }", id=task_id, input=content)
    else:
        reader.ask(VERB % verb, id=task_id)


@STEADY
@given(worlds.filter(bool), orders, st.integers(1, 4), ways, st.lists(events, max_size=6))
def test_changes_between_pages_neither_hide_nor_repeat_other_rows(
    database: Database, tasks: list[Task], order: list[Key], size: int, way: str, coming: list[Any]
) -> None:
    reader = Reader(database)
    reader.plant(tasks)
    which = filter_for(order)
    expected = in_order(listed(reader, tasks, which), order)
    alive = [task["id"] for task in tasks]
    touched: set[str] = set()
    pages = []
    for page in walk(reader, way, size, filter=which, orderBy=order):
        pages.append(page)
        if coming and alive:
            event, number = coming.pop()
            new = str(uuid.UUID(int=len(coming) << 120))
            chosen = new if event[0] == "plant" else alive[number % len(alive)]
            apply_event(reader, event, chosen)
            touched.add(chosen)
            if event[0] == "purgeTask":
                alive.remove(chosen)
    seen = [task_id for task_id in joined(pages, way) if task_id not in touched]
    assert seen == [task_id for task_id in expected if task_id not in touched]


CREATE = "mutation ($input: [CreateTaskInput!]!) { createTasks(input: $input) { tasks { id } } }"
MOVE = """
mutation ($id: ID!, $before: ID, $after: ID) {
  moveTask(id: $id, before: $before, after: $after) { task { id } }
}
"""
moves = st.tuples(st.integers(0, 7), st.integers(0, 7), st.sampled_from(("before", "after", "end")))


def moved(tasks: list[str], task_id: str, side: str, other: str) -> list[str]:
    rest = [one for one in tasks if one != task_id]
    place = len(rest) if side == "end" else rest.index(other) + (side == "after")
    return [*rest[:place], task_id, *rest[place:]]


@profile(STEADY, max_examples=40)
@given(st.lists(moves, max_size=16), sizes, ways, st.booleans())
def test_position_is_the_manual_order_after_moves(
    database: Database, steps: list[Any], size: int, way: str, descending: bool
) -> None:
    reader = Reader(database)
    created = reader.ask(CREATE, input=[{"title": f"task {n}"} for n in range(8)])
    start = tasks = [task["id"] for task in created["createTasks"]["tasks"]]
    for one, another, side in steps:
        if one != another:
            arguments = {} if side == "end" else {side: start[another]}
            reader.ask(MOVE, id=start[one], **arguments)
            tasks = moved(tasks, start[one], side, start[another])
    order = [{"field": "POSITION", "direction": "DESC" if descending else "ASC"}]
    pages = list(walk(reader, way, size, orderBy=order))
    assert joined(pages, way) == (tasks[::-1] if descending else tasks)
