"""Ranges of due days: both days are included, instants by the days of a time zone."""

from typing import Any

import pytest

from tests.api.test_due import planted
from tests.support.api_client import Person
from tests.support.task_lists import LIST
from todo_graphql.store.postgres.engine import Database

# A time zone, its first and last instant of 2026-03-08 to 2026-03-10, and of the 8th alone. The
# clock is put forward on the 8th in New York.
RANGES = [
    ("UTC", "2026-03-08T00:00:00Z", "2026-03-10T23:59:59.999999Z", "2026-03-08T23:59:59.999999Z"),
    (
        "America/New_York",
        "2026-03-08T00:00:00-05:00",
        "2026-03-10T23:59:59.999999-04:00",
        "2026-03-08T23:59:59.999999-04:00",
    ),
    (
        "Pacific/Kiritimati",
        "2026-03-08T00:00:00+14:00",
        "2026-03-10T23:59:59.999999+14:00",
        "2026-03-08T23:59:59.999999+14:00",
    ),
]


def just_outside(instant: str) -> str:
    """Return the instant a microsecond before a first one or after a last one, as text."""
    if "23:59:59.999999" in instant:
        day, offset = int(instant[8:10]) + 1, instant[26:]
        return f"{instant[:8]}{day:02}T00:00:00{offset}"
    return f"{instant[:8]}{int(instant[8:10]) - 1:02}T23:59:59.999999{instant[19:]}"


@pytest.mark.parametrize(
    ("zone", "first", "last", "end"), RANGES, ids=[zone for zone, *_ in RANGES]
)
def test_range_includes_both_days(
    database: Database, zone: str, first: str, last: str, end: str
) -> None:
    reader = planted(
        database,
        [
            {"title": "never due"},
            *({"title": f"day {day}", "due_on": f"2026-03-{day:02}"} for day in (7, 8, 10, 11)),
            {"title": "too early", "due_at": just_outside(first)},
            {"title": "first", "due_at": first},
            {"title": "end", "due_at": end},
            {"title": "last", "due_at": last},
            {"title": "too late", "due_at": just_outside(last)},
        ],
    )
    due: dict[str, Any] = {"timeZone": zone, "from": "2026-03-08", "to": "2026-03-10"}
    inside = ["day 10", "day 8", "end", "first", "last"]
    assert sorted(reader.found(due=due)) == inside
    outside = ["day 11", "day 7", "never due", "too early", "too late"]
    assert sorted(reader.found(**{"not": {"due": due}})) == outside
    one = {**due, "to": "2026-03-08"}
    assert sorted(reader.found(due=one)) == ["day 8", "end", "first"]
    before = {name: due[name] for name in ("timeZone", "to")}
    assert sorted(reader.found(due=before)) == sorted([*inside, "day 7", "too early"])
    after = {name: due[name] for name in ("timeZone", "from")}
    assert sorted(reader.found(due=after)) == sorted([*inside, "day 11", "too late"])


def test_range_is_combined_with_other_operators(database: Database) -> None:
    days = {"a": "2026-03-08", "b": "2026-03-09", "c": "2026-03-10"}
    reader = planted(database, [{"title": title, "due_on": day} for title, day in days.items()])
    due = {"from": "2026-03-08", "to": "2026-03-09"}
    assert reader.found(due={**due, "after": "2026-03-08T00:00:00Z"}) == ["b"]
    assert reader.found(due={**due, "null": True}) == []
    assert reader.found(due=due, title={"eq": "a"}) == ["a"]
    either = [{"due": due}, {"title": {"eq": "c"}}]
    assert sorted(reader.found(**{"or": either})) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("zone", "instants"),
    [("UTC", ["end", "start"]), ("Etc/GMT-14", ["end", "start"]), ("Etc/GMT+12", ["end"])],
)
def test_range_of_the_whole_calendar(database: Database, zone: str, instants: list[str]) -> None:
    """West of UTC, the first instant is on a day before the calendar."""
    first, last = "0001-01-01", "9999-12-31"
    reader = planted(
        database,
        [
            *({"title": day, "due_on": day} for day in (first, last)),
            {"title": "start", "due_at": f"{first}T00:00:00Z"},
            {"title": "end", "due_at": f"{last}T23:59:59.999999Z"},
        ],
    )
    due = {"from": first, "to": last, "timeZone": zone}
    assert sorted(reader.found(due=due)) == [first, last, *instants]


def test_skipped_day_has_no_instants(database: Database) -> None:
    """Samoa crossed the date line at the end of 2011-12-29."""
    crossing = "2011-12-30T10:00:00Z"
    reader = planted(
        database,
        [{"title": "day", "due_on": "2011-12-30"}, {"title": "instant", "due_at": crossing}],
    )
    due = {"from": "2011-12-30", "to": "2011-12-30", "timeZone": "Pacific/Apia"}
    assert reader.found(due=due) == ["day"]
    assert reader.found(due={**due, "from": "2011-12-31", "to": "2011-12-31"}) == ["instant"]


def test_reversed_range_is_rejected(alice: Person) -> None:
    due = {"from": "2026-03-09", "to": "2026-03-08"}
    refusal = alice.refusal(LIST, filter={"and": [{"due": due}]})
    assert (refusal["code"], refusal["reason"]) == ("BAD_USER_INPUT", "OUT_OF_RANGE")
    assert (refusal["field"], refusal["min"]) == ("filter.and.0.due.to", "2026-03-09")
    literal = '{ tasks(filter: {due: {from: "2026-03-09", to: "2026-03-09"}}) { totalCount } }'
    assert alice.ask(literal) == {"tasks": {"totalCount": 0}}


def test_range_selects_tasks_of_a_bulk_mutation(alice: Person) -> None:
    alice.create("a", dueOn="2026-03-08")
    alice.create("b", dueOn="2026-03-09")
    document = """mutation ($from: Date, $to: Date) {
        completeTasks(filter: {due: {from: $from, to: $to}}) { tasks { title } }
    }"""
    done = alice.ask(document, **{"from": "2026-03-08", "to": "2026-03-08"})
    assert done["completeTasks"]["tasks"] == [{"title": "a"}]
    assert alice.refusal(document, **{"from": "2026-03-08"})["field"] == "filter.due.to"
