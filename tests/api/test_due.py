"""Due dates, with days in the requested time zone."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.api_client import Person
from tests.support.task_lists import LIST, Reader, Task
from todo_graphql.store.postgres.engine import Database

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
NEAR = ("due an hour ago", "due in an hour")
TODAY = ("due at the start of today", *NEAR, "due today", "due at the end of today")
WEEK = (*TODAY, "due tomorrow", "due on the seventh day", "just within a week")
OVERDUE = ("due yesterday", "due at the end of yesterday", *TODAY[:2])
LATER = ("due on the eighth day", "due after a week")
DATED = {*WEEK, *OVERDUE, *LATER, "done yesterday", "done today"}
EVERYTHING = {*DATED, "never due"}


def zone_of_noon() -> str:
    """Return a time zone where it is about noon, so that no day ends during a test."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


def tasks_around(now: datetime) -> list[Task]:
    """Return tasks that are due around an instant, by the days of its time zone."""
    today = now.date()
    midnight = datetime.combine(today, time(), now.tzinfo)
    days = {
        "due yesterday": today - DAY,
        "due today": today,
        "due tomorrow": today + DAY,
        "due on the seventh day": today + 6 * DAY,
        "due on the eighth day": today + 7 * DAY,
    }
    instants = {
        "due at the end of yesterday": midnight - MICROSECOND,
        "due at the start of today": midnight,
        "due an hour ago": now - timedelta(hours=1),
        "due in an hour": now + timedelta(hours=1),
        "due at the end of today": midnight + DAY - MICROSECOND,
        "just within a week": midnight + 7 * DAY - MICROSECOND,
        "due after a week": midnight + 7 * DAY,
    }
    return [
        {"title": "never due"},
        {"title": "done yesterday", "due_on": today - DAY, "completed_at": now},
        {"title": "done today", "due_at": now - timedelta(hours=2), "completed_at": now},
        *({"title": title, "due_on": day} for title, day in days.items()),
        *({"title": title, "due_at": instant} for title, instant in instants.items()),
    ]


def planted(database: Database, tasks: list[Task]) -> Reader:
    head = "abcdef00-0000-4000-8000-0000000000"
    reader = Reader(database)
    reader.plant([{**task, "id": f"{head}{number:02}"} for number, task in enumerate(tasks)])
    return reader


FLAGS: list[tuple[Mapping[str, bool], set[str]]] = [
    ({"overdue": True}, {*OVERDUE}),
    ({"overdue": False}, EVERYTHING - {*OVERDUE}),
    ({"today": True}, {*TODAY, "done today"}),
    ({"today": False}, EVERYTHING - {*TODAY, "done today"}),
    ({"nextSevenDays": True}, {*WEEK, "done today"}),
    ({"nextSevenDays": False}, EVERYTHING - {*WEEK, "done today"}),
    ({"null": True}, {"never due"}),
    ({"null": False}, DATED),
    ({"overdue": True, "today": True}, {*TODAY[:2]}),
    ({"overdue": False, "nextSevenDays": False, "null": False}, {*LATER, "done yesterday"}),
    ({"null": True, "today": True}, set()),
]


@pytest.mark.parametrize(("flags", "titles"), FLAGS, ids=lambda value: str(sorted(value))[:40])
def test_due_flags_match_tasks_by_day(
    database: Database, flags: Mapping[str, bool], titles: set[str]
) -> None:
    zone = zone_of_noon()
    reader = planted(database, tasks_around(datetime.now(ZoneInfo(zone))))
    due = {**flags, "timeZone": zone}
    assert set(reader.found(due=due)) == titles
    assert set(reader.found(**{"not": {"due": due}})) == EVERYTHING - titles


def test_today_depends_on_the_time_zone(database: Database) -> None:
    """The two zones are 26 hours apart, so midnight is always between them."""
    east, west = "Etc/GMT-14", "Etc/GMT+12"
    days = {zone: datetime.now(ZoneInfo(zone)).date() for zone in (east, west)}
    reader = planted(database, [{"title": zone, "due_on": day} for zone, day in days.items()])
    for zone in (east, west):
        if datetime.now(ZoneInfo(zone)).date() == days[zone]:
            assert reader.found(due={"today": True, "timeZone": zone}) == [zone]


# A day, a time zone, and the first instant of the day there.
MIDNIGHTS = (
    ("2026-06-15", "UTC", "2026-06-15T00:00:00Z"),
    ("2026-06-15", "Europe/Berlin", "2026-06-14T22:00:00Z"),
    ("2026-12-15", "Europe/Berlin", "2026-12-14T23:00:00Z"),
    ("2026-06-15", "Pacific/Kiritimati", "2026-06-14T10:00:00Z"),
    ("2026-06-15", "America/New_York", "2026-06-15T04:00:00Z"),
    ("2026-06-15", "Asia/Kathmandu", "2026-06-14T18:15:00Z"),
    # The clock skipped from midnight to one, so the day began at one.
    ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    # The clock went from one back to midnight, so the day had two midnights.
    ("2025-11-02", "America/Havana", "2025-11-02T04:00:00Z"),
)


@pytest.mark.parametrize(("day", "zone", "midnight"), MIDNIGHTS)
def test_day_counts_as_its_first_instant(
    database: Database, day: str, zone: str, midnight: str
) -> None:
    reader = planted(database, [{"title": "day", "due_on": day}, {"title": "never due"}])
    begins = datetime.fromisoformat(midnight)
    just_before, just_after = begins - MICROSECOND, begins + MICROSECOND
    hour = timedelta(hours=1)
    for moment, is_before, is_after in (
        (begins - DAY, False, True),
        (begins - hour, False, True),
        (just_before, False, True),
        (begins, False, False),
        (just_after, True, False),
        (begins + hour, True, False),
        (begins + DAY, True, False),
    ):
        due = {"timeZone": zone}
        text = f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
        assert bool(reader.found(due={**due, "before": text})) is is_before, text
        assert bool(reader.found(due={**due, "after": text})) is is_after, text


def test_instant_is_independent_of_the_time_zone(database: Database) -> None:
    moment = "2026-06-15T12:00:00Z"
    reader = planted(database, [{"title": "instant", "due_at": moment}])
    for zone in ("UTC", "Pacific/Kiritimati", "Etc/GMT+12"):
        assert reader.found(due={"before": moment, "timeZone": zone}) == []
        assert reader.found(due={"after": moment, "timeZone": zone}) == []
        before = {"before": "2026-06-15T14:00:00.000001+02:00", "timeZone": zone}
        after = {"after": "2026-06-15T11:59:59.999999Z", "timeZone": zone}
        assert reader.found(due=before) == reader.found(due=after) == ["instant"]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu"])
def test_due_dates_at_the_ends_of_the_calendar(database: Database, zone: str) -> None:
    first, last = "0001-01-01", "9999-12-31"
    reader = planted(database, [{"title": day, "due_on": day} for day in (first, last)])
    due = {"timeZone": zone}
    assert reader.found(due={**due, "before": f"{last}T23:59:59.999999Z"}) in (
        [first],
        [first, last],
    )
    assert reader.found(due={**due, "before": "0001-01-03T00:00:00Z"}) == [first]
    assert reader.found(due={**due, "after": "9999-12-29T00:00:00Z"}) == [last]
    assert reader.found(due={**due, "after": f"{first}T00:00:00Z"}) in ([last], [first, last])
    assert reader.found(due={**due, "overdue": True}) == [first]
    assert reader.found(due={**due, "today": True}) == []


UNKNOWN_ZONES = [
    "",
    " ",
    "utc",
    "Europe",
    "Europe/berlin",
    "Mars/Base",
    "+02:00",
    "UTC\0",
    "\ud800",
]
UNKNOWN_ZONES += [
    "../etc/passwd",
    "/etc/passwd",
    "Europe/../UTC",
    "'; DROP TABLE tasks; --",
    "A" * 10_000,
]


@pytest.mark.parametrize("zone", UNKNOWN_ZONES, ids=lambda zone: ascii(zone)[:30])
def test_unknown_time_zone_is_rejected(alice: Person, zone: str) -> None:
    for due in ({"today": True}, {"null": None}, {"before": "2026-01-01T00:00:00Z"}, {}):
        refusal = alice.refusal(LIST, filter={"due": {**due, "timeZone": zone}})
        assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "filter.due.timeZone")


@pytest.mark.parametrize(
    ("path", "nest"),
    [
        ("filter.or.0.due.timeZone", lambda inner: {"or": [inner]}),
        ("filter.and.1.due.timeZone", lambda inner: {"and": [{}, inner]}),
        ("filter.not.not.due.timeZone", lambda inner: {"not": {"not": inner}}),
        ("filter.not.or.1.due.timeZone", lambda inner: {"not": {"or": [{}, inner, inner]}}),
    ],
)
def test_unknown_time_zone_in_a_nested_filter_is_rejected(
    database: Database, path: str, nest: Any
) -> None:
    refusal = Reader(database).refusal(filter=nest({"due": {"timeZone": "Mars/Base"}}))
    assert refusal == ("BAD_USER_INPUT", path)
