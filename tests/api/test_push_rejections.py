"""Push of a client's edits: rejections and limits."""

import uuid
from typing import Any

import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.pushes import PUSH, accepted, push, row, state


@pytest.fixture
def task(alice: Person) -> Any:
    return alice.create("one", description="first", tags=["Home", "Work"], dueOn="2026-02-28")


def test_push_without_a_token_is_rejected(url: str) -> None:
    body = {"query": PUSH, "variables": {"rows": []}}
    assert plain_http.post(f"{url}/graphql", json=body).status_code == 401


def test_field_that_only_the_base_has_is_rejected(alice: Person, task: Any) -> None:
    """A lost value clears nothing."""
    for name in ("title", "description", "tags", "dueOn"):
        edited = state(task, priority="HIGH")
        del edited[name]
        (rejected,) = push(alice, {"assumed": state(task), "task": edited})["rejected"]
        assert (rejected["field"], rejected["reason"]) == (f"rows.0.task.{name}", "REQUIRED")
        assert rejected["task"] == alice.find(task["id"]) == task
    edited = state(task, dueAt="2026-03-01T00:00:00Z")
    for name in ("dueOn", "completedAt", "trashed"):
        del edited[name]
    accepted(alice, {"assumed": state(task), "task": edited})
    assert alice.find(task["id"])["dueOn"] is None


INVALID: dict[str, tuple[Any, str, str]] = {
    "title": ("x" * 201, "TOO_LONG", "title"),
    "blank title": (" ", "TOO_SHORT", "title"),
    "null title": (None, "REQUIRED", "title"),
    "description": ("x" * 10_001, "TOO_LONG", "description"),
    "tags": (["x" * 51], "TOO_LONG", "tags.0"),
    "number of tags": ([f"{n}" for n in range(21)], "TOO_MANY", "tags"),
    "dueAt": ("2026-03-01T00:00:00Z", "NOT_COMBINABLE", "dueAt"),
    "null trashed": (None, "REQUIRED", "trashed"),
    "id": ("x", "INVALID_FORMAT", "id"),
}


@pytest.mark.parametrize("case", INVALID)
def test_row_that_breaks_a_rule_is_rejected_alone(alice: Person, task: Any, case: str) -> None:
    value, reason, field = INVALID[case]
    other = alice.create("other")
    edits = {case.rpartition(" ")[2]: value} if case != "number of tags" else {"tags": value}
    bad = row(task, **{"priority": "HIGH", **edits})
    pushed = push(alice, bad, row(other, title="edited"))
    (rejected,) = pushed["rejected"]
    assert (rejected["code"], rejected["reason"]) == ("BAD_USER_INPUT", reason)
    assert rejected["field"] == f"rows.0.task.{field}"
    assert rejected["message"]
    assert rejected["task"] == (None if case == "id" else task)
    assert pushed["conflicts"] == []
    assert (alice.find(task["id"]), alice.find(other["id"])["title"]) == (task, "edited")


def test_new_task_that_breaks_a_rule_is_rejected(alice: Person) -> None:
    new = {"id": str(uuid.uuid4())}
    own = {"id": alice.id, "title": "x"}
    pushed = push(alice, {"task": new}, {"task": own})
    found = [(one["field"], one["reason"], one["task"]) for one in pushed["rejected"]]
    assert found == [
        ("rows.0.task.title", "REQUIRED", None),
        ("rows.1.task.id", "DUPLICATE", None),
    ]
    assert pushed["revision"] == 0


def test_merged_tags_beyond_the_limit_are_rejected(alice: Person) -> None:
    task = alice.create("one", tags=[f"{n}" for n in range(15)])
    now = alice.update(task, addTags=["a", "b", "c"])
    edited = row(task, title="edited", tags=[*task["tags"], "d", "e", "f"])
    (rejected,) = push(alice, edited)["rejected"]
    assert (rejected["reason"], rejected["field"]) == ("TOO_MANY", "rows.0.task.tags")
    assert rejected["task"] == alice.find(task["id"]) == now


def test_second_row_of_a_task_is_rejected(alice: Person, task: Any) -> None:
    upper = row(task, title="second")
    for one in upper.values():
        one["id"] = one["id"].upper()
    pushed = push(alice, row(task, title="first"), upper)
    (rejected,) = pushed["rejected"]
    assert (rejected["reason"], rejected["field"]) == ("DUPLICATE", "rows.1.task.id")
    assert rejected["task"]["title"] == alice.find(task["id"])["title"] == "first"


def test_ids_of_a_row_must_be_equal(alice: Person, task: Any) -> None:
    other = alice.create("other")
    (rejected,) = push(alice, {"assumed": state(other), "task": state(task)})["rejected"]
    assert (rejected["reason"], rejected["field"]) == ("MISMATCH", "rows.0.assumed.id")


def test_long_invalid_id_is_returned_in_part(alice: Person) -> None:
    (rejected,) = push(alice, {"task": {"id": "x" * 10_000, "title": "x"}})["rejected"]
    assert rejected["id"] == "x" * 36


@pytest.mark.parametrize(("number", "reason"), [(0, "TOO_FEW"), (101, "TOO_MANY")])
def test_number_of_rows_is_limited(alice: Person, number: int, reason: str) -> None:
    rows = [{"task": {"id": str(uuid.uuid4()), "title": "x"}} for _ in range(number)]
    error = alice.refusal(PUSH, rows=rows)
    assert (error["code"], error["reason"], error["field"]) == ("BAD_USER_INPUT", reason, "rows")
    assert alice.revision() == 0
    if number:
        accepted(alice, *rows[:100])


def test_lost_base_is_an_error(alice: Person, task: Any) -> None:
    """A lost variable must not turn an edit into a new task. Null and its absence are explicit."""
    document = """mutation ($assumed: TaskState, $task: TaskState!) {
        pushTasks(rows: [{assumed: $assumed, task: $task}]) { revision }
    }"""
    before = alice.revision()
    error = alice.refusal(document, task=state(task, title="x"))
    assert (error["code"], error["reason"]) == ("BAD_USER_INPUT", "REQUIRED")
    assert error["field"] == "rows.0.assumed"
    assert alice.find(task["id"]) == task
    assert alice.ask(document, assumed=None, task=state(task)) == {
        "pushTasks": {"revision": before}
    }


def test_largest_conflicts_are_returned(alice: Person) -> None:
    """A response has room for the conflicts of a push, so that a push is never unanswered."""
    text = "\x01" * 10_000
    tasks = [alice.create("x" * 200, description=text) for _ in range(100)]
    response = alice.post(PUSH, rows=[{"task": {"id": task["id"], "title": "y"}} for task in tasks])
    conflicts = response.json()["data"]["pushTasks"]["conflicts"]
    assert [one["task"] for one in conflicts] == tasks
    assert len(response.content) > 6_000_000
