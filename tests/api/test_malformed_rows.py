"""Rows of a push with values that GraphQL rejects: they block no other row."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.pushes import PUSH, push, row
from tests.support.servers import serving
from todo_graphql.settings.settings import Settings

TASK_ID = "11111111-1111-4111-8111-111111111111"
TIME = (
    "Invalid date-time: expected RFC 3339 with an offset, such as 2026-01-31T09:30:00Z, in the "
    "years 0001 to 9999 of UTC, and without leap seconds."
)
DATE = "Invalid date: expected a calendar date, such as 2026-01-31."
TASK: dict[str, Any] = {"id": TASK_ID, "title": "x"}

EDITS: dict[str, tuple[dict[str, Any], str, str]] = {
    "30 February": ({"dueOn": "2026-02-30"}, "INVALID_FORMAT", DATE),
    "before the year 1": ({"dueAt": "0001-01-01T00:00:00+14:00"}, "INVALID_FORMAT", TIME),
    "after the year 9999": ({"dueAt": "9999-12-31T23:59:59-14:00"}, "INVALID_FORMAT", TIME),
    "offset of a day": ({"completedAt": "2026-01-31T09:30:00+24:00"}, "INVALID_FORMAT", TIME),
    "leap second": ({"completedAt": "2016-12-31T23:59:60Z"}, "INVALID_FORMAT", TIME),
    "priority of a newer client": (
        {"priority": "HIGHEST"},
        "UNKNOWN_VALUE",
        "`rows.1.task.priority` has no value `HIGHEST`. Did you mean 'HIGH'?",
    ),
    "field of a newer client": (
        {"colour": "red"},
        "UNKNOWN_FIELD",
        "`rows.1.task` has no field `colour`.",
    ),
    "number as a title": ({"title": 5}, "INVALID_TYPE", "`rows.1.task.title` must be a string."),
    "null id": ({"id": None}, "REQUIRED", "`rows.1.task.id` is required."),
    "object as an id": ({"id": {}}, "INVALID_TYPE", "`rows.1.task.id` must be a string."),
}
ROWS: dict[str, tuple[Any, str, str]] = {
    "null": (None, "REQUIRED", "rows.1"),
    "text": ("x", "INVALID_TYPE", "rows.1"),
    "list": ([{"task": TASK}], "INVALID_TYPE", "rows.1"),
    "without a task": ({"assumed": None}, "REQUIRED", "rows.1.task"),
    "text as a task": ({"task": "x"}, "INVALID_TYPE", "rows.1.task"),
    "null tag": ({"task": TASK | {"tags": [None]}}, "REQUIRED", "rows.1.task.tags.0"),
    "null task": ({"task": None}, "REQUIRED", "rows.1.task"),
    "unknown field": ({"task": TASK, "patch": {}}, "UNKNOWN_FIELD", "rows.1.patch"),
    "malformed base": (
        {"assumed": TASK | {"dueOn": "x"}, "task": TASK},
        "INVALID_FORMAT",
        "rows.1.assumed.dueOn",
    ),
}


@pytest.fixture(scope="module")
def reference_url(settings: Settings) -> Iterator[str]:
    """Yield the base URL of a server that executes by graphql-core."""
    with serving(settings.model_copy(update={"executor": "reference"})) as base:
        yield base


@pytest.fixture(params=["projection", "reference"])
def bob(request: pytest.FixtureRequest, url: str, reference_url: str, settings: Settings) -> Person:
    """Return a new user of either executor."""
    return Person(url if request.param == "projection" else reference_url, settings)


def new_row(title: str) -> Any:
    return {"task": {"id": str(uuid.uuid4()), "title": title}}


def rejected_beside_good_rows(bob: Person, bad: Any) -> Any:
    """Push a bad row between two good ones, which must be stored, and return its rejection."""
    first, last = new_row("first"), new_row("last")
    pushed = push(bob, first, bad, last)
    assert (pushed["revision"], pushed["conflicts"]) == (1, [])
    assert [bob.find(one["task"]["id"])["title"] for one in (first, last)] == ["first", "last"]
    (rejected,) = pushed["rejected"]
    assert rejected["code"] == "BAD_USER_INPUT"
    return rejected


@pytest.mark.parametrize("case", EDITS)
def test_malformed_value_is_rejected_alone(bob: Person, case: str) -> None:
    edits, reason, message = EDITS[case]
    (name,) = edits
    assert rejected_beside_good_rows(bob, {"task": TASK | edits}) == {
        "id": "" if name == "id" else TASK_ID,
        "code": "BAD_USER_INPUT",
        "field": f"rows.1.task.{name}",
        "reason": reason,
        "message": message,
        "task": None,
    }
    assert bob.find(TASK_ID) is None


@pytest.mark.parametrize("case", ROWS)
def test_malformed_row_is_rejected_alone(bob: Person, case: str) -> None:
    bad, reason, field = ROWS[case]
    rejected = rejected_beside_good_rows(bob, bad)
    assert (rejected["reason"], rejected["field"]) == (reason, field)
    assert bob.find(TASK_ID) is None


def test_both_kinds_of_a_due_date_are_rejected_alone(bob: Person) -> None:
    both = TASK | {"dueOn": "2026-01-31", "dueAt": "2026-01-31T09:30:00Z"}
    rejected = rejected_beside_good_rows(bob, {"task": both})
    assert (rejected["reason"], rejected["field"]) == ("NOT_COMBINABLE", "rows.1.task.dueAt")


def test_malformed_edit_returns_the_task_on_the_server(bob: Person) -> None:
    task, other = bob.create("one"), bob.create("other")
    bad, good = row(task, title="x", dueOn="2026-02-30"), row(other, title="edited")
    pushed = push(bob, bad, good)
    (rejected,) = pushed["rejected"]
    assert (rejected["id"], rejected["field"]) == (task["id"], "rows.0.task.dueOn")
    assert rejected["task"] == bob.find(task["id"]) == task
    assert bob.find(other["id"])["title"] == "edited"


def test_paths_of_all_rejected_rows_have_their_own_index(bob: Person) -> None:
    rows = [
        {"task": TASK | {"title": 5}},
        new_row(" "),
        None,
        new_row("good"),
        {"task": TASK | {"title": 5}},
        new_row("x" * 201),
    ]
    found = [(one["field"], one["reason"]) for one in push(bob, *rows)["rejected"]]
    assert found == [
        ("rows.0.task.title", "INVALID_TYPE"),
        ("rows.1.task.title", "TOO_SHORT"),
        ("rows.2", "REQUIRED"),
        ("rows.4.task.title", "INVALID_TYPE"),
        ("rows.5.task.title", "TOO_LONG"),
    ]
    assert bob.titles() == ["good"]


def test_second_row_of_a_malformed_task_is_rejected(bob: Person) -> None:
    rows = [{"task": TASK | {"title": 5}}, {"task": TASK}]
    found = [(one["field"], one["reason"]) for one in push(bob, *rows)["rejected"]]
    assert found == [
        ("rows.0.task.title", "INVALID_TYPE"),
        ("rows.1.task.id", "DUPLICATE"),
    ]


def test_two_pushes_of_one_request_have_their_own_rejections(bob: Person) -> None:
    document = """mutation ($a: [PushTaskInput!]!, $b: [PushTaskInput!]!) {
        a: pushTasks(rows: $a) { rejected { field } }
        b: pushTasks(rows: $b) { rejected { field } }
    }"""
    bad = {"task": TASK | {"tags": 5}}
    assert bob.ask(document, a=[bad, new_row("a")], b=[new_row("b"), None, bad]) == {
        "a": {"rejected": [{"field": "rows.0.task.tags"}]},
        "b": {"rejected": [{"field": "rows.1"}, {"field": "rows.2.task.tags"}]},
    }
    assert sorted(bob.titles()) == ["a", "b"]


def test_malformed_row_in_the_document_is_an_error(bob: Person) -> None:
    document = """mutation ($task: TaskState!, $dueOn: Date, $row: PushTaskInput!) {
        pushTasks(rows: [{task: {id: "%s", title: "x", dueOn: %s}}, {task: $task}, $row])
        { revision }
    }"""
    good = {"task": {"id": str(uuid.uuid4())}, "dueOn": "2026-01-31", "row": new_row("x")}
    lost: list[tuple[str, Any, str]] = [
        ('"2026-02-30"', good, "GRAPHQL_VALIDATION_FAILED"),
        ("$dueOn", good | {"dueOn": "2026-02-30"}, "BAD_USER_INPUT"),
        ("$dueOn", good | {"task": {"id": 5.5}}, "BAD_USER_INPUT"),
        ("$dueOn", good | {"row": None}, "BAD_USER_INPUT"),
    ]
    for literal, variables, code in lost:
        errors = bob.post(document % (TASK_ID, literal), **variables).json()["errors"]
        assert {error["extensions"]["code"] for error in errors} >= {code}, literal
    assert bob.revision() == 0


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({}, "rows"),
        ({"rows": None}, "rows"),
        ({"rows": {"task": None}}, "rows.task"),
        ({"rows": "x"}, "rows"),
        ({"rows": [None] * 101}, "rows.0"),
        ({"rows": [], "key": "k"}, "rows"),
        ({"rows": [None, new_row("x")], "key": 5}, "idempotencyKey"),
    ],
)
def test_wrong_variable_is_an_error(bob: Person, variables: Any, field: str) -> None:
    error = bob.refusal(PUSH, **variables)
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", field)
    assert bob.revision() == 0


def test_problems_of_malformed_rows_are_bounded(bob: Person) -> None:
    """A row has one problem, and quotes of the client are short."""
    long = "y" * 2_000
    rows = [{"task": {"id": f"{n}{long}", long: 5, f"{long}z": 6}} for n in range(100)]
    rejected = push(bob, *rows)["rejected"]
    assert [one["field"] for one in rejected] == [f"rows.{n}.task.{'y' * 50}" for n in range(100)]
    assert {len(one["id"]) for one in rejected} == {36}
    assert max(len(one["message"]) for one in rejected) < 120


def test_long_malformed_id_is_not_that_of_another_task(bob: Person) -> None:
    task = bob.create("one")
    rows = [
        {"task": {"id": task["id"] + "x", "title": 5}},
        {"task": {"id": task["id"] + "y", "title": "x"}},
        row(task, title="edited"),
    ]
    rejected = push(bob, *rows)["rejected"]
    assert [(one["reason"], one["task"]) for one in rejected] == [
        ("INVALID_TYPE", None),
        ("INVALID_FORMAT", None),
    ]
    assert bob.find(task["id"])["title"] == "edited"


def test_replay_needs_the_same_malformed_rows(bob: Person) -> None:
    good, bad = new_row("good"), {"task": TASK | {"title": 5}}
    first = push(bob, good, bad, key="k")
    assert first["rejected"][0]["field"] == "rows.1.task.title"
    bob.change("deleteTask", good["task"]["id"])
    assert push(bob, good, bad, key="k") == first
    for other in ({"task": TASK | {"title": 6}}, {"task": TASK}, None):
        error = bob.refusal(PUSH, rows=[good, other], key="k")
        assert (error["code"], error["reason"]) == ("CONFLICT", "KEY_REUSED")
    assert bob.find(TASK_ID) is None


@pytest.mark.parametrize("text", ["\0", "\ud800", '"\\\n'])
def test_unusual_characters_of_a_malformed_row_are_returned(bob: Person, text: str) -> None:
    bad = {"task": {"id": text, text: 5}}
    first = push(bob, bad, key="k")
    assert first["rejected"][0]["reason"] == "UNKNOWN_FIELD"
    assert push(bob, bad, key="k") == first
