"""What each mutation does. Four tests of the same names for each: anonymous, works, missing,
someone else's; then what is its own.
"""

import uuid
from typing import Any

import httpx
import pytest

from tests.people import Person

SOME_ID = "d0d0d0d0-0000-4000-8000-000000000001"
VERBS = ("completeTask", "reopenTask", "moveTask", "deleteTask", "restoreTask", "purgeTask")
BY_ID = {verb: "mutation ($id: ID!) { %s(id: $id) { __typename } }" % verb for verb in VERBS} | {
    "updateTask": 'mutation ($id: ID!) { updateTask(id: $id, input: {title: "x"}) { __typename } }'
}
CREATE = "mutation ($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }"
UPDATE = """
mutation ($id: ID!, $input: UpdateTaskInput!) {
  updateTask(id: $id, input: $input) { task { title description revision updatedAt } }
}
"""


def update(who: Person, task: Any, **given: Any) -> Any:
    return who.ask(UPDATE, id=task["id"], input=given)["updateTask"]["task"]


@pytest.mark.parametrize("document", [*BY_ID.values(), CREATE])
def test_anonymous(url: str, document: str) -> None:
    variables = {"id": str(uuid.uuid4()), "input": {"title": "x"}}
    answer = httpx.post(f"{url}/graphql", json={"query": document, "variables": variables})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("document", BY_ID.values(), ids=BY_ID)
def test_missing(alice: Person, document: str) -> None:
    refusal = alice.refusal(document, id=str(uuid.uuid4()))
    assert refusal == {"code": "NOT_FOUND", "status": 404, "message": "There is no such task."}


@pytest.mark.parametrize("document", BY_ID.values(), ids=BY_ID)
def test_someone_elses(alice: Person, mallory: Person, document: str) -> None:
    task = alice.create()
    refusal = mallory.refusal(document, id=task["id"])
    assert refusal == {"code": "NOT_FOUND", "status": 404, "message": "There is no such task."}
    assert alice.find(task["id"]) == task
    assert alice.revision() == 1


@pytest.mark.parametrize("document", BY_ID.values(), ids=BY_ID)
@pytest.mark.parametrize(
    "task_id", ["", "1", "x" * 5_000, "{" + SOME_ID + "}", SOME_ID.replace("-", "")]
)
def test_an_id_that_is_no_uuid(alice: Person, document: str, task_id: str) -> None:
    refusal = alice.refusal(document, id=task_id)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "id")


def test_create_works(alice: Person) -> None:
    task = alice.create("  Buy milk \n", description=" two litres ")
    assert task | {"id": "", "createdAt": "", "updatedAt": ""} == {
        "id": "",
        "title": "Buy milk",
        "description": " two litres ",
        "completed": False,
        "completedAt": None,
        "priority": "NONE",
        "dueOn": None,
        "dueAt": None,
        "tags": [],
        "createdAt": "",
        "updatedAt": "",
        "deletedAt": None,
        "revision": 1,
    }
    assert task["createdAt"] == task["updatedAt"]
    assert alice.find(task["id"]) == task


def test_create_under_someone_elses_id_makes_ones_own(alice: Person, mallory: Person) -> None:
    hers = alice.create("hers")
    own = mallory.create("own", id=hers["id"])
    assert (own["id"], own["title"]) == (hers["id"], "own")
    assert alice.find(hers["id"]) == hers


def test_create_twice_is_create_once(alice: Person) -> None:
    task_id = str(uuid.uuid4())
    task = alice.create("Buy milk", id=task_id)
    assert alice.create(" Buy milk", id=task_id.upper()) == task
    assert alice.revision() == 1


def test_create_again_after_a_change_answers_the_task_as_it_is(alice: Person) -> None:
    task = alice.create("Buy milk", id=str(uuid.uuid4()))
    update(alice, task, title="Buy bread")
    trashed = alice.change("deleteTask", task["id"])
    assert alice.create("Buy milk", id=task["id"]) == trashed
    assert (
        alice.refusal(CREATE, input={"id": task["id"], "title": "Buy bread"})["code"] == "CONFLICT"
    )


@pytest.mark.parametrize(
    "other", [{"title": "Buy bread"}, {"title": "Buy milk", "description": ""}]
)
def test_create_other_content_under_the_same_id(alice: Person, other: dict[str, str]) -> None:
    task = alice.create("Buy milk", id=str(uuid.uuid4()))
    refusal = alice.refusal(CREATE, input={"id": task["id"], **other})
    assert (refusal["code"], refusal["status"]) == ("CONFLICT", 409)
    assert alice.find(task["id"]) == task
    assert alice.revision() == 1


def test_create_under_the_id_of_a_task_that_the_server_named(alice: Person) -> None:
    task = alice.create("Buy milk")
    assert (
        alice.refusal(CREATE, input={"id": task["id"], "title": "Buy milk"})["code"] == "CONFLICT"
    )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": ""}, "input.title"),
        ({"title": " \t\n\u2003"}, "input.title"),
        ({"title": "\u200b\ufeff \u3000"}, "input.title"),
        ({"title": "x" * 201}, "input.title"),
        ({"title": "a\0b"}, "input.title"),
        ({"title": "\ud800"}, "input.title"),
        ({"title": "x", "description": "x" * 10_001}, "input.description"),
        ({"title": "x", "description": "a\0b"}, "input.description"),
        ({"title": "x", "description": "\udfff"}, "input.description"),
        ({"title": "x", "id": "1"}, "input.id"),
        ({"title": None}, "input.title"),
        ({"title": 5}, "input.title"),
        ({"title": ["x"]}, "input.title"),
        ({}, "input"),
        ({"title": "x", "userId": "x"}, "input"),
    ],
)
def test_create_refuses(alice: Person, given: dict[str, Any], field: str) -> None:
    refusal = alice.refusal(CREATE, input=given)
    assert (refusal["code"], refusal["status"], refusal["field"]) == ("BAD_USER_INPUT", 400, field)
    assert alice.ask("{ tasks { totalCount } }") == {"tasks": {"totalCount": 0}}


def test_create_refuses_a_variable_inside_its_input(alice: Person) -> None:
    document = """mutation ($title: String = "x") {
        createTask(input: {title: $title}) { task { id } }
    }"""
    refusal = alice.refusal(document, title=None)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "input.title")


@pytest.mark.parametrize(
    "title",
    [
        "x" * 200,
        " " + "é" * 200 + " ",
        "🎉" * 200,
        "'; DROP TABLE tasks; --",
        "%s %(x)s \\ \" ' $1 :a",
    ],
)
def test_create_accepts(alice: Person, title: str) -> None:
    assert alice.create(title, description="x" * 10_000)["title"] == title.strip()


def test_update_works(alice: Person) -> None:
    task = alice.create("Buy milk", description="two litres")
    changed = update(alice, task, title=" Buy bread ")
    assert (changed["title"], changed["description"]) == ("Buy bread", "two litres")
    assert changed["revision"] == 2
    assert changed["updatedAt"] > task["updatedAt"]
    assert alice.find(task["id"]) == task | changed


def test_update_tells_null_from_omitted(alice: Person) -> None:
    task = alice.create("Buy milk", description="two litres")
    assert update(alice, task, title="x")["description"] == "two litres"
    assert update(alice, task, description=None)["description"] is None
    assert update(alice, task, description="")["description"] == ""
    refusal = alice.refusal(UPDATE, id=task["id"], input={"title": None})
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "input.title")


@pytest.mark.parametrize("same", [{}, {"title": "Buy milk"}, {"description": None}])
def test_update_to_what_is_there_is_no_change(alice: Person, same: dict[str, Any]) -> None:
    task = alice.create("Buy milk")
    assert update(alice, task, **same)["updatedAt"] == task["updatedAt"]
    assert alice.revision() == 1


def test_update_at_the_expected_revision(alice: Person) -> None:
    task = alice.create()
    assert update(alice, task, title="x", expectedRevision=1)["revision"] == 2


@pytest.mark.parametrize("given", [{"title": "other"}, {}, {"title": "x"}])
def test_update_at_a_stale_revision_changes_nothing(alice: Person, given: dict[str, Any]) -> None:
    task = alice.create()
    update(alice, task, title="x")
    refusal = alice.refusal(UPDATE, id=task["id"], input={"expectedRevision": 1, **given})
    assert (refusal["code"], refusal["currentRevision"]) == ("CONFLICT", 2)
    assert alice.find(task["id"])["title"] == "x"
    assert alice.revision() == 2


@pytest.mark.parametrize("revision", [2**31, -(2**31) - 1, "1", 1.5])
def test_update_refuses_a_revision_that_is_none(alice: Person, revision: Any) -> None:
    task = alice.create()
    refusal = alice.refusal(UPDATE, id=task["id"], input={"expectedRevision": revision})
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "input.expectedRevision")


@pytest.mark.parametrize(
    ("verb", "back", "field"),
    [("completeTask", "reopenTask", "completedAt"), ("deleteTask", "restoreTask", "deletedAt")],
)
def test_there_and_back_works(alice: Person, verb: str, back: str, field: str) -> None:
    task = alice.create()
    there = alice.change(verb, task["id"])
    assert there[field] == there["updatedAt"] > task["updatedAt"]
    assert there["completed"] is (verb == "completeTask")
    assert there["revision"] == 2
    again = alice.change(back, task["id"])
    assert again == task | {"revision": 3, "updatedAt": again["updatedAt"]}


@pytest.mark.parametrize(
    ("verb", "first"),
    [
        ("completeTask", "completeTask"),
        ("reopenTask", None),
        ("deleteTask", "deleteTask"),
        ("restoreTask", None),
    ],
)
def test_a_verb_said_again_changes_nothing(alice: Person, verb: str, first: str | None) -> None:
    task = alice.create()
    if first is not None:
        task = alice.change(first, task["id"])
    assert alice.change(verb, task["id"]) == task
    assert alice.revision() == task["revision"]


def test_purge_works(alice: Person) -> None:
    for verb in (None, "deleteTask"):
        task = alice.create()
        if verb is not None:
            alice.change(verb, task["id"])
        document = "mutation ($id: ID!) { purgeTask(id: $id) { taskId } }"
        assert alice.ask(document, id=task["id"].upper()) == {"purgeTask": {"taskId": task["id"]}}
        assert alice.find(task["id"]) is None
    assert alice.revision() == 5


def test_the_trash_is_out_of_sight_but_not_gone(alice: Person) -> None:
    task = alice.create()
    trashed = alice.change("deleteTask", task["id"])
    assert alice.find(task["id"]) == trashed
    assert update(alice, task, title="x")["revision"] == 3
    assert alice.change("completeTask", task["id"])["deletedAt"] == trashed["deletedAt"]


def test_a_mutation_that_fails_hides_nothing(alice: Person) -> None:
    """Those before it and after it in the document have happened, and say so."""
    document = """mutation ($missing: ID!) {
        first: createTask(input: {title: "first"}) { task { title user { revision } } }
        failing: completeTask(id: $missing) { task { id } }
        last: createTask(input: {title: "last"}) { task { title user { revision } } }
    }"""
    answer = alice.post(document, missing=str(uuid.uuid4())).json()
    assert answer["data"] == {
        "first": {"task": {"title": "first", "user": {"revision": 1}}},
        "failing": None,
        "last": {"task": {"title": "last", "user": {"revision": 2}}},
    }
    assert [error["path"] for error in answer["errors"]] == [["failing"]]
