"""The scalars DateTime and Date, which accept only RFC 3339."""

import pytest
from graphql import GraphQLError

from tests.support.api_client import Person
from todo_graphql.api.scalars import date_time, full_date

DATE_TIMES = {
    "2026-01-31T09:30:00Z": "2026-01-31T09:30:00.000000Z",
    "2026-01-31t09:30:00z": "2026-01-31T09:30:00.000000Z",
    "2026-01-31T09:30:00+00:00": "2026-01-31T09:30:00.000000Z",
    "2026-01-31T09:30:00-00:00": "2026-01-31T09:30:00.000000Z",
    "2026-01-31T09:30:00.5+05:45": "2026-01-31T03:45:00.500000Z",
    "2026-01-01T00:00:00+14:00": "2025-12-31T10:00:00.000000Z",
    "2026-01-31T09:30:00.123456789Z": "2026-01-31T09:30:00.123456Z",
    "2026-01-31T09:30:00.9999999Z": "2026-01-31T09:30:00.999999Z",
    "2024-02-29T00:00:00Z": "2024-02-29T00:00:00.000000Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00.000000Z",
    "0001-01-01T00:00:00-01:00": "0001-01-01T01:00:00.000000Z",
    "9999-12-31T23:59:59.999999Z": "9999-12-31T23:59:59.999999Z",
}
INVALID_DATE_TIMES = (
    "",
    "now",
    "2026-01-31",
    "2026-01-31T09:30Z",
    "2026-01-31T09:30:00",
    "2026-01-31 09:30:00Z",
    "2026-01-31T09:30:00+01",
    "2026-01-31T09:30:00+0100",
    "2026-01-31T09:30:00+24:00",
    "2026-01-31T09:30:00 Z",
    "2026-01-31T09:30:00.Z",
    "2026-01-31T09:30:00,5Z",
    "2026-01-31T09:30:00Z\n",
    " 2026-01-31T09:30:00Z",
    "20260131T093000Z",
    "2026-W05-6T09:30:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-01-32T00:00:00Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31T09:60:00Z",
    "2026-06-30T23:59:60Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-00:01",
    "10000-01-01T00:00:00Z",
    "-2026-01-31T09:30:00Z",
    "2026-01-31T09:30:00Z[Europe/Berlin]",
    "\uff12\uff10\uff12\uff16-01-31T09:30:00Z",
    "2026-01-31T09:30:00\u221201:00",
    "infinity",
    "\ud800",
    "9" * 10_000,
    1_769_851_800,
    1.5,
    True,
    ["2026-01-31T09:30:00Z"],
    {"seconds": 0},
)
INVALID_DATES = (
    *("", "today", "2026-1-1", "20260131", "2026-W05-6", "2026-01-31Z", "2026-01-31\n", "infinity"),
    *("2026-01-31T00:00:00Z", "2026-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "0000-01-01"),
    *("10000-01-01", "\uff12\uff10\uff12\uff16-01-31", "\0", 20260131, True, ["2026-01-31"]),
)


@pytest.mark.parametrize(("given", "meant"), DATE_TIMES.items())
def test_date_time_is_parsed_to_utc(given: str, meant: str) -> None:
    assert date_time(given) == meant


@pytest.mark.parametrize("value", INVALID_DATE_TIMES, ids=lambda value: ascii(value)[:40])
def test_invalid_date_time_is_rejected(value: object) -> None:
    with pytest.raises(GraphQLError):
        date_time(value)


@pytest.mark.parametrize("day", ["0001-01-01", "2024-02-29", "2026-12-31", "9999-12-31"])
def test_date_is_parsed(day: str) -> None:
    assert full_date(day) == day


@pytest.mark.parametrize("value", INVALID_DATES, ids=lambda value: ascii(value)[:40])
def test_invalid_date_is_rejected(value: object) -> None:
    with pytest.raises(GraphQLError):
        full_date(value)


CREATE = """
mutation ($input: CreateTaskInput!) { createTask(input: $input) { task { id dueAt dueOn } } }
"""


@pytest.mark.parametrize("given", DATE_TIMES)
def test_date_time_round_trips_and_matches_a_filter(alice: Person, given: str) -> None:
    task = alice.ask(CREATE, input={"title": "t", "dueAt": given})["createTask"]["task"]
    assert task["dueAt"] == DATE_TIMES[given]
    document = "query ($filter: TaskFilter) { tasks(filter: $filter) { nodes { id } } }"
    found = alice.ask(document, filter={"dueAt": {"gte": given, "lte": given}})["tasks"]
    assert found == {"nodes": [{"id": task["id"]}]}


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_date_round_trips(alice: Person, day: str) -> None:
    task = alice.ask(CREATE, input={"title": "t", "dueOn": day})["createTask"]["task"]
    assert task["dueOn"] == day


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dueAt", "2026-01-31"),
        ("dueAt", "2026-06-30T23:59:60Z"),
        ("dueAt", "0001-01-01T00:00:00+14:00"),
        ("dueOn", "2026-01-31T00:00:00Z"),
        ("dueOn", "2026-02-29"),
    ],
)
def test_invalid_scalar_is_reported_by_path(alice: Person, name: str, value: str) -> None:
    refusal = alice.refusal(CREATE, input={"title": "t", name: value})
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", f"input.{name}")
    document = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }"
    refusal = alice.refusal(document, filter={"or": [{name: {"lt": value}}]})
    assert refusal["code"] == "BAD_USER_INPUT"
    assert refusal["field"].startswith("filter.or")
