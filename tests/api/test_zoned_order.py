"""The order DUE in a time zone, in which a day begins at its first instant there."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.test_due import planted
from tests.api.test_ordering import BEGINNINGS, NO_DATE, due_dates_around
from tests.support.api_client import Person
from tests.support.task_lists import STEADY, WAYS, Reader, Task, ids, in_order, joined, walk
from todo_graphql.store.postgres.engine import Database

pytestmark = pytest.mark.no_cover

LOS_ANGELES = "America/Los_Angeles"
MONDAY_EVENING = "2026-06-16T03:00:00Z"


def by_due(zone: str | None, **more: str) -> list[dict[str, Any]]:
    return [{"field": "DUE", "timeZone": zone, **more}]


def titles(page: Any) -> list[str]:
    return [edge["node"]["title"] for edge in page["edges"]]


@pytest.fixture(scope="module")
def week(database: Database) -> Reader:
    """Tasks of a week in Los Angeles, where Monday evening is Tuesday in UTC."""
    return planted(
        database,
        [
            {"title": "Monday", "due_on": "2026-06-15"},
            {"title": "Monday 20:00", "due_at": MONDAY_EVENING},
            {"title": "Tuesday", "due_on": "2026-06-16"},
            {"title": "Tuesday 08:00", "due_at": "2026-06-16T15:00:00Z"},
            {"title": "Wednesday", "due_on": "2026-06-17"},
            {"title": "no date"},
        ],
    )


IN_LOS_ANGELES = [
    "Monday",
    "Monday 20:00",
    "Tuesday",
    "Tuesday 08:00",
    "Wednesday",
    "no date",
]
IN_UTC = ["Monday", "Tuesday", "Monday 20:00", "Tuesday 08:00", "Wednesday", "no date"]


def test_day_begins_in_the_time_zone(week: Reader) -> None:
    assert titles(week.page(orderBy=by_due(LOS_ANGELES))) == IN_LOS_ANGELES
    assert titles(week.page(orderBy=by_due("UTC"))) == IN_UTC
    assert titles(week.page(orderBy=by_due(None))) == IN_UTC
    descending = week.page(orderBy=by_due(LOS_ANGELES, direction="DESC", nulls="FIRST"))
    assert titles(descending) == IN_LOS_ANGELES[::-1]


IN_ZONE = """
query ($zone: String!, $orderBy: [TaskOrder!], $filter: TaskFilter, $after: String) {
  tasks(timeZone: $zone, orderBy: $orderBy, filter: $filter, first: 2, after: $after) {
    edges { cursor node { title } }
  }
  me { tasks(timeZone: $zone, orderBy: $orderBy, filter: $filter, first: 2, after: $after) {
    edges { cursor node { title } }
  } }
}
"""


def test_time_zone_of_a_list_is_the_default(week: Reader) -> None:
    """It is the default of the order and of the filter, also for cursors."""
    order = by_due(None)
    data = week.ask(IN_ZONE, zone=LOS_ANGELES, orderBy=order)
    assert data["tasks"] == data["me"]["tasks"]
    assert titles(data["tasks"]) == IN_LOS_ANGELES[:2]
    cursor = data["tasks"]["edges"][1]["cursor"]
    rest = week.page(orderBy=by_due(LOS_ANGELES), after=cursor)
    assert titles(rest) == IN_LOS_ANGELES[2:]
    own = week.ask(IN_ZONE, zone="Asia/Tokyo", orderBy=by_due(LOS_ANGELES), after=cursor)
    assert titles(own["tasks"]) == IN_LOS_ANGELES[2:4]

    monday = {"due": {"from": "2026-06-15", "to": "2026-06-15"}}
    data = week.ask(IN_ZONE, zone=LOS_ANGELES, orderBy=order, filter={"and": [monday]})
    assert titles(data["tasks"]) == ["Monday", "Monday 20:00"]
    data = week.ask(IN_ZONE, zone="UTC", orderBy=order, filter={"and": [monday]})
    assert titles(data["tasks"]) == ["Monday"]
    monday["due"]["timeZone"] = LOS_ANGELES
    data = week.ask(IN_ZONE, zone="UTC", orderBy=order, filter={"not": {"not": monday}})
    assert titles(data["tasks"]) == ["Monday", "Monday 20:00"]


def test_cursor_of_another_time_zone_is_rejected(week: Reader) -> None:
    zones = [LOS_ANGELES, "America/Vancouver", "UTC"]
    cursors = {zone: week.page(orderBy=by_due(zone))["edges"][0]["cursor"] for zone in zones}
    for zone, cursor in cursors.items():
        for other in zones:
            if other != zone:
                refusal = week.refusal(orderBy=by_due(other), after=cursor)
                assert refusal == ("BAD_USER_INPUT", "after")


def test_time_zone_of_other_fields_is_ignored(week: Reader) -> None:
    plain, zoned = ({"field": "TITLE", "timeZone": zone} for zone in (None, LOS_ANGELES))
    cursor = week.page(orderBy=[plain])["edges"][0]["cursor"]
    assert len(ids(week.page(orderBy=[zoned], after=cursor))) == 5


def test_unknown_time_zone_is_rejected(alice: Person) -> None:
    document = "query ($o: [TaskOrder!], $z: String!) { tasks(orderBy: $o, timeZone: $z) { %s } }"
    for order, zone, field in (
        ([{"field": "TITLE"}, {"field": "DUE", "timeZone": "Mars"}], "UTC", "orderBy.1.timeZone"),
        ([{"field": "TITLE", "timeZone": "Mars"}], "UTC", "orderBy.0.timeZone"),
        ([], "Mars", "timeZone"),
        (None, "", "timeZone"),
    ):
        refusal = alice.refusal(document % "totalCount", o=order, z=zone)
        assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", field)


dates = st.sampled_from(sorted(BEGINNINGS.items())).flatmap(
    lambda zone: st.tuples(
        st.just(zone[0]),
        st.lists(st.sampled_from([NO_DATE, *due_dates_around(*zone)]), min_size=1, max_size=14),
    )
)
seconds = st.sampled_from(("TITLE", "PRIORITY", None))
directions = st.tuples(*[st.sampled_from(("ASC", "DESC"))] * 2)


@STEADY
@given(
    dates,
    st.booleans(),
    seconds,
    directions,
    st.sampled_from(("FIRST", "LAST")),
    st.integers(1, 5),
    st.sampled_from(sorted(WAYS)),
)
def test_pages_of_a_time_zone_are_slices(
    database: Database,
    drawn: tuple[str, list[Any]],
    leads: bool,
    second: str | None,
    ways: tuple[str, str],
    nulls: str,
    size: int,
    way: str,
) -> None:
    """Compare with Python's order, also between the cursors of each pair of tasks."""
    zone, due_dates = drawn
    tasks: list[Task] = [
        {
            "id": f"abcdef00-0000-4000-8000-0000000000{number * 37 % 100:02}",
            "title": "ab"[number % 2],
            "priority": number % 3,
            **due_date,
        }
        for number, due_date in enumerate(due_dates)
    ]
    order = by_due(zone, direction=ways[0], nulls=nulls)
    if second:
        order.insert(leads, {"field": second, "direction": ways[1], "nulls": "LAST"})
    reader = Reader(database)
    reader.plant(tasks)
    expected = in_order(tasks, order)
    pages = list(walk(reader, way, size, orderBy=order))
    assert joined(pages, way) == expected
    last = len(pages) - 1
    for number, page in enumerate(pages if way == "first" else pages[::-1]):
        assert page["pageInfo"]["hasPreviousPage"] is (number > 0)
        assert page["pageInfo"]["hasNextPage"] is (number < last)
    cursors = [edge["cursor"] for edge in reader.page(first=100, orderBy=order)["edges"]]
    for start in range(0, len(cursors), 3):
        for end in range(start, len(cursors), 4):
            between = {"after": cursors[start], "before": cursors[end], way: size}
            page = reader.page(orderBy=order, **between)
            inside = expected[start + 1 : end]
            assert ids(page) == (inside[:size] if way == "first" else inside[-size:])


def walked(reader: Reader, zone: str, way: str) -> list[str]:
    found = [titles(page) for page in walk(reader, way, 1, orderBy=by_due(zone))]
    return [title for page in (found if way == "first" else found[::-1]) for title in page]


@pytest.mark.parametrize("way", WAYS)
def test_skipped_day_is_before_the_next_one(database: Database, way: str) -> None:
    """Samoa crossed the date line at the end of 2011-12-29."""
    crossing = "2011-12-30T10:00:00Z"
    reader = planted(
        database,
        [
            {"title": "d 31", "due_on": "2011-12-31"},
            {"title": "e instant", "due_at": crossing},
            {"title": "c 30", "due_on": "2011-12-30"},
            {"title": "b last", "due_at": "2011-12-30T09:59:59.999998Z"},
            {"title": "a 29", "due_on": "2011-12-29"},
        ],
    )
    found = walked(reader, "Pacific/Apia", way)
    assert found[:3] == ["a 29", "b last", "c 30"]
    assert sorted(found[3:]) == ["d 31", "e instant"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("zone", ["Etc/GMT-14", "Etc/GMT+12", "Pacific/Kiritimati"])
def test_ends_of_the_calendar_are_ordered(database: Database, zone: str, way: str) -> None:
    first, last = "0001-01-01", "9999-12-31"
    reader = planted(
        database,
        [
            *({"title": day, "due_on": day} for day in (first, "0001-01-02", last)),
            {"title": "start", "due_at": f"{first}T00:00:00Z"},
            {"title": "end", "due_at": f"{last}T23:59:59.999999Z"},
        ],
    )
    found = walked(reader, zone, way)
    assert sorted(found) == sorted([first, "0001-01-02", last, "start", "end"])
    assert found.index(first) < found.index("0001-01-02") < found.index(last)
    assert found[-1] == "end"


def forged(cursor: str, value: object) -> str:
    """Return the cursor with another value of its first key."""
    content = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    content[2][0] = value
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def test_cursor_with_an_invalid_day_is_rejected(week: Reader) -> None:
    order = by_due(LOS_ANGELES)
    cursor = week.page(orderBy=order)["edges"][0]["cursor"]
    assert len(ids(week.page(orderBy=order, after=forged(cursor, "2026-06-15")))) == 5
    values: list[Any] = ["2026-02-30", "2026-1-1", "20260101", "", 5, [], "2026-06-15\n", True]
    for value in values:
        refusal = week.refusal(orderBy=order, after=forged(cursor, value))
        assert refusal == ("BAD_USER_INPUT", "after")
    in_utc = forged(week.page(orderBy=by_due(None))["edges"][0]["cursor"], "2026-06-15")
    assert week.refusal(orderBy=by_due(None), after=in_utc) == ("BAD_USER_INPUT", "after")


def test_filters_and_search_apply_to_both_halves(week: Reader) -> None:
    order = [*by_due(LOS_ANGELES), {"field": "RELEVANCE", "direction": "DESC"}]
    page = week.page(filter={"search": "monday", "title": {"neq": "x"}}, orderBy=order, first=1)
    assert (titles(page), page["totalCount"]) == (["Monday"], 2)
    rest = week.page(
        filter={"search": "monday", "title": {"neq": "x"}},
        orderBy=order,
        after=page["pageInfo"]["endCursor"],
    )
    assert titles(rest) == ["Monday 20:00"]
    empty = week.page(filter={"title": {"eq": "x"}}, orderBy=by_due(LOS_ANGELES))
    assert (titles(empty), empty["pageInfo"]["hasNextPage"]) == ([], False)
