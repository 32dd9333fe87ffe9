"""The `overview` query."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.support import plain_http
from tests.support.api_client import Person
from todo_graphql.store.postgres.engine import Database

OVERVIEW = """
query ($zone: String!) {
  overview(timeZone: $zone) {
    open overdue today nextSevenDays noDate completedToday completedThisWeek
    tags { tag open total }
  }
}
"""
NOTHING = {
    "open": 0,
    "overdue": 0,
    "today": 0,
    "nextSevenDays": 0,
    "noDate": 0,
    "completedToday": 0,
    "completedThisWeek": 0,
    "tags": [],
}


def zone_at_noon() -> str:
    """Return a time zone where it is about noon, so that no day ends during a test."""
    offset = datetime.now(UTC).hour - 12
    # Names in Etc have inverted signs, as in POSIX.
    return f"Etc/GMT{offset:+d}" if offset else "UTC"


def overview(who: Person, zone: str | None = None) -> Any:
    return who.ask(OVERVIEW, zone=zone or zone_at_noon())["overview"]


def local(**distance: float) -> datetime:
    """Return the local time of that time zone at a distance from now."""
    offset = timedelta(hours=12 - datetime.now(UTC).hour)
    return datetime.now(UTC) + offset + timedelta(**distance)


def instant(**distance: float) -> str:
    return (datetime.now(UTC) + timedelta(**distance)).isoformat()


def test_overview_without_a_token_is_rejected(url: str) -> None:
    answer = plain_http.post(
        f"{url}/graphql", json={"query": OVERVIEW, "variables": {"zone": "UTC"}}
    )
    assert answer.status_code == 401


def test_overview_without_tasks_is_zero(alice: Person) -> None:
    assert overview(alice) == NOTHING
    assert alice.ask("{ me { overview { open tags { tag } } tags { tag } } }") == {
        "me": {"overview": {"open": 0, "tags": []}, "tags": []}
    }


@pytest.mark.parametrize(
    ("due", "counted"),
    [
        ({}, {"noDate"}),
        ({"dueOn": {"days": -1}}, {"overdue"}),
        ({"dueOn": {"days": 0}}, {"today", "nextSevenDays"}),
        ({"dueOn": {"days": 6}}, {"nextSevenDays"}),
        ({"dueOn": {"days": 7}}, set()),
        ({"dueAt": {"hours": -1}}, {"overdue", "today", "nextSevenDays"}),
        ({"dueAt": {"hours": 1}}, {"today", "nextSevenDays"}),
        ({"dueAt": {"hours": -25}}, {"overdue"}),
        ({"dueAt": {"days": 6}}, {"nextSevenDays"}),
        ({"dueAt": {"days": 7}}, set()),
    ],
)
def test_overview_counts_due_tasks(alice: Person, due: dict[str, Any], counted: set[str]) -> None:
    dates = {
        name: local(**distance).date().isoformat() if name == "dueOn" else instant(**distance)
        for name, distance in due.items()
    }
    task = alice.create(**dates)
    assert overview(alice) == NOTHING | {"open": 1} | dict.fromkeys(counted, 1)
    alice.change("completeTask", task["id"])
    assert overview(alice) == NOTHING | {"completedToday": 1, "completedThisWeek": 1}
    alice.change("deleteTask", task["id"])
    assert overview(alice) == NOTHING


def test_overview_counts_completed_tasks(alice: Person, database: Database) -> None:
    """The week starts on Monday and includes today."""
    monday = -local().weekday()
    for days in (0, monday, monday - 1, -8):
        task = alice.create()
        with database.connect_as(alice.viewer) as connection:
            connection.write(
                text("UPDATE tasks SET completed_at = :at WHERE id = :id RETURNING id").bindparams(
                    at=datetime.now(UTC) + timedelta(days=days), id=task["id"]
                )
            )
    counts = overview(alice)
    assert counts["completedToday"] == (2 if monday == 0 else 1)
    assert counts["completedThisWeek"] == 2
    assert counts["open"] == 0


def test_overview_uses_days_of_the_time_zone(alice: Person) -> None:
    east, west = "Pacific/Kiritimati", "Etc/GMT+12"  # a day and two hours apart
    tomorrow = (datetime.now(UTC) + timedelta(hours=14)).date().isoformat()
    alice.create(dueOn=tomorrow)
    assert overview(alice, east)["today"] == 1
    assert overview(alice, west)["today"] == 0
    assert overview(alice, west)["overdue"] == 0


def test_overview_counts_tags(alice: Person) -> None:
    first, *_ = alice.create_many("a", "b", tags=["Home", "x, y"])
    alice.create(tags=["HOME", "Ärger"])
    gone = alice.create(tags=["gone"])
    alice.change("deleteTask", gone["id"])
    alice.change("completeTask", first["id"])
    tags = overview(alice)["tags"]
    assert tags == alice.ask("{ me { tags { tag open total } } }")["me"]["tags"]
    assert {tag["tag"].lower(): (tag["open"], tag["total"]) for tag in tags} == {
        "home": (2, 3),
        "x, y": (1, 2),
        "ärger": (1, 1),
    }
    assert [tag["tag"].lower() for tag in tags] == ["ärger", "home", "x, y"]


def test_overview_counts_only_own_tasks(alice: Person, mallory: Person) -> None:
    alice.create(tags=["hers"], dueOn=local().date().isoformat())
    assert overview(mallory) == NOTHING
    assert overview(alice)["today"] == 1


@pytest.mark.parametrize("zone", ["", "Mars", "europe/berlin ", "../UTC", "x" * 10_000, "a\0"])
def test_overview_with_an_unknown_time_zone_is_rejected(alice: Person, zone: str) -> None:
    refusal = alice.refusal(OVERVIEW, zone=zone)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "timeZone")
