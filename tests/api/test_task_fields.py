"""Priority, due dates and tags of tasks."""

import uuid
from typing import Any

import pytest

from tests.support.api_client import CREATE, UPDATE, Person

DAY, INSTANT = "2026-02-28", "2026-02-28T09:30:00.000000Z"
MANY = [f"tag {number}" for number in range(21)]


def refusal(who: Person, task: Any, **given: Any) -> tuple[str, str]:
    refused = who.refusal(UPDATE, id=task["id"], input=given)
    return refused["code"], refused["field"]


@pytest.mark.parametrize("priority", ["NONE", "LOW", "MEDIUM", "HIGH", "URGENT"])
def test_priority_can_be_set(alice: Person, priority: str) -> None:
    task = alice.create(priority=priority)
    assert task["priority"] == alice.find(task["id"])["priority"] == priority
    assert alice.update(alice.create(), priority=priority)["priority"] == priority


def test_null_priority_means_none(alice: Person) -> None:
    task = alice.create(priority="HIGH")
    assert alice.update(task, priority=None)["priority"] == "NONE"
    assert alice.create(priority=None)["priority"] == "NONE"


@pytest.mark.parametrize("priority", ["high", "HIGHEST", 3, ""])
def test_unknown_priority_is_rejected(alice: Person, priority: Any) -> None:
    refused = alice.refusal(CREATE, input={"title": "x", "priority": priority})
    assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", "input.priority")


def test_due_date_is_a_day_or_an_instant(alice: Person) -> None:
    assert alice.create(dueOn=DAY)["dueOn"] == DAY
    task = alice.create(dueAt="2026-02-28T10:30:00+01:00")
    assert (task["dueOn"], task["dueAt"]) == (None, INSTANT)


def test_due_on_and_due_at_replace_each_other(alice: Person) -> None:
    task = alice.update(alice.create(dueOn=DAY), dueAt=INSTANT)
    assert (task["dueOn"], task["dueAt"]) == (None, INSTANT)
    task = alice.update(task, dueOn=DAY)
    assert (task["dueOn"], task["dueAt"]) == (DAY, None)


def test_null_clears_only_its_own_kind_of_due_date(alice: Person) -> None:
    task = alice.create(dueOn=DAY)
    assert alice.update(task, dueAt=None)["dueOn"] == DAY
    assert alice.update(task, dueOn=None)["dueOn"] is None
    both = alice.update(task, dueOn=None, dueAt=INSTANT)
    assert (both["dueOn"], both["dueAt"]) == (None, INSTANT)


def test_due_on_with_due_at_is_rejected(alice: Person) -> None:
    given = {"dueOn": DAY, "dueAt": INSTANT}
    refused = alice.refusal(CREATE, input={"title": "x", **given})
    assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", "input.dueAt")
    assert refusal(alice, alice.create(), **given) == ("BAD_USER_INPUT", "input.dueAt")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"dueOn": "2026-02-30"}, "input.dueOn"),
        ({"dueOn": "28.2.2026"}, "input.dueOn"),
        ({"dueOn": INSTANT}, "input.dueOn"),
        ({"dueOn": 20260228}, "input.dueOn"),
        ({"dueAt": DAY}, "input.dueAt"),
        ({"dueAt": "2026-02-28T09:30:00"}, "input.dueAt"),
        ({"dueAt": "2026-02-28T24:00:00Z"}, "input.dueAt"),
        ({"dueAt": "0001-01-01T00:00:00+14:00"}, "input.dueAt"),
        ({"tags": [""]}, "input.tags.0"),
        ({"tags": ["a", " \u200b"]}, "input.tags.1"),
        ({"tags": ["x" * 51]}, "input.tags.0"),
        ({"tags": ["a\0b"]}, "input.tags.0"),
        ({"tags": ["\ud800"]}, "input.tags.0"),
        ({"tags": ["e" + "\u0315\u0300" * 16]}, "input.tags.0"),
        ({"tags": ["\u0f73" * 31]}, "input.tags.0"),
        ({"tags": MANY}, "input.tags"),
        ({"tags": [None]}, "input.tags.0"),
    ],
)
def test_invalid_due_dates_and_tags_are_rejected(
    alice: Person, given: dict[str, Any], field: str
) -> None:
    refused = alice.refusal(CREATE, input={"title": "x", **given})
    assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", field)
    assert refusal(alice, alice.create(), **given) == ("BAD_USER_INPUT", field)
    assert alice.revision() == 1


def test_tags_are_trimmed_and_unique_regardless_of_case(alice: Person) -> None:
    tags = [" Home ", "HOME", "x" * 50, "ÄRGER", "ärger", "cafe\u0301", "caf\u00e9", "a, b"]
    expected = ["Home", "x" * 50, "ÄRGER", "caf\u00e9", "a, b"]
    assert alice.create(tags=tags)["tags"] == expected
    assert len(alice.create(tags=MANY[:20])["tags"]) == 20
    assert alice.create(tags=None)["tags"] == []


def test_tags_are_replaced(alice: Person) -> None:
    task = alice.create(tags=["a", "b"])
    assert alice.update(task, tags=["c"])["tags"] == ["c"]
    assert alice.update(task, tags=None)["tags"] == []


def test_tags_are_added_and_removed(alice: Person) -> None:
    task = alice.create(tags=["Home", "Garden"])
    assert alice.update(task, addTags=["HOME", "New"])["tags"] == ["Home", "Garden", "New"]
    assert alice.update(task, removeTags=["garden", "gone"])["tags"] == ["Home", "New"]
    changed = alice.update(task, addTags=["a", "b"], removeTags=["B", "new"])
    assert changed["tags"] == ["Home", "a", "b"]
    assert alice.update(task, addTags=["HOME"], removeTags=["home"])["tags"] == ["a", "b", "HOME"]


def test_completed_can_be_set_with_other_fields(alice: Person) -> None:
    """A form is one mutation, also in bulk."""
    task = alice.create("done", completed=True)
    assert (task["completed"], task["completedAt"]) == (True, task["createdAt"])
    assert alice.create(completed=None)["completed"] is alice.create()["completed"] is False
    several = alice.create_many("one", "two", completed=True)
    assert [one["completedAt"] for one in several] == [one["createdAt"] for one in several]
    changed = alice.update(task, completed=True, title="new")
    assert (changed["title"], changed["completedAt"]) == ("new", task["completedAt"])
    reopened = alice.update(task, completed=False, dueOn=DAY)
    assert (reopened["completed"], reopened["completedAt"], reopened["dueOn"]) == (False, None, DAY)
    again = alice.update(task, completed=True)
    assert again["completedAt"] == again["updatedAt"] > task["completedAt"]


def test_completed_of_several_tasks_changes_only_the_others(alice: Person) -> None:
    done, todo = alice.create("done", completed=True), alice.create("to do")
    document = """mutation ($ids: [ID!]!, $input: UpdateTasksInput!) {
        updateTasks(ids: $ids, input: $input) { tasks { completedAt revision } }
    }"""
    ids = [done["id"], todo["id"]]
    first, second = alice.ask(document, ids=ids, input={"completed": True})["updateTasks"]["tasks"]
    assert (first["revision"], second) == (3, {"completedAt": done["completedAt"], "revision": 1})
    tasks = alice.ask(document, ids=ids, input={"completed": False})["updateTasks"]["tasks"]
    assert tasks == [{"completedAt": None, "revision": 4}] * 2


def test_equal_completed_changes_nothing(alice: Person) -> None:
    task = alice.create(completed=True)
    assert alice.update(task, completed=True) == task
    given: dict[str, Any] = {"id": str(uuid.uuid4()), "completed": True}
    assert alice.create(**given) == alice.create(**given)
    assert alice.revision() == 2
    refused = alice.refusal(CREATE, input={"title": "Buy milk", **given, "completed": False})
    assert refused["code"] == "CONFLICT"


def test_null_for_completed_is_rejected(alice: Person) -> None:
    refused = alice.refusal(UPDATE, id=alice.create()["id"], input={"completed": None})
    assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", "input.completed")
    assert refused["reason"] == "REQUIRED"


def test_add_tags_with_existing_tags_changes_nothing(alice: Person) -> None:
    task = alice.create(tags=["Home"])
    assert alice.update(task, addTags=["HOME"], removeTags=["gone"]) == task
    assert alice.update(task, addTags=[], removeTags=None) == task
    assert alice.revision() == 1


def test_add_tags_beyond_the_limit_is_rejected(alice: Person) -> None:
    task = alice.create(tags=MANY[:20])
    assert refusal(alice, task, addTags=["new"]) == ("BAD_USER_INPUT", "input.addTags")
    assert alice.find(task["id"]) == task
    assert len(alice.update(task, addTags=["new"], removeTags=["tag 0"])["tags"]) == 20


def test_tags_with_add_tags_or_remove_tags_is_rejected(alice: Person) -> None:
    task = alice.create()
    edits: list[Any] = [{"addTags": []}, {"removeTags": ["a"]}]
    for more in edits:
        assert refusal(alice, task, tags=["a"], **more) == ("BAD_USER_INPUT", "input.tags")


def test_create_with_the_same_id_and_different_fields_is_a_conflict(alice: Person) -> None:
    given: dict[str, Any] = {"dueOn": DAY, "priority": "LOW", "tags": ["a"]}
    task = alice.create(id=str(uuid.uuid4()), **given)
    assert alice.create(id=task["id"], **given) == task
    others: list[Any] = [{"dueOn": "2026-03-01"}, {"priority": "HIGH"}, {"tags": ["A"]}]
    for other in [*others, {"tags": []}]:
        again = {"title": "Buy milk", "id": task["id"], **given, **other}
        assert alice.refusal(CREATE, input=again)["code"] == "CONFLICT"


def test_create_without_newer_fields_is_idempotent(alice: Person) -> None:
    """Clients of an older release omit the newer fields."""
    task = alice.create(id=str(uuid.uuid4()))
    assert alice.create(id=task["id"], priority="NONE", tags=[], dueOn=None) == task
