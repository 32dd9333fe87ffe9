"""Mutations of single tasks."""

import uuid
from typing import Any

import pytest

from tests.support import plain_http
from tests.support.api_client import CREATE, UPDATE, Person

SOME_ID = "d0d0d0d0-0000-4000-8000-000000000001"
VERBS = ("completeTask", "reopenTask", "moveTask", "deleteTask", "restoreTask", "purgeTask")
BY_ID = {verb: "mutation ($id: ID!) { %s(id: $id) { __typename } }" % verb for verb in VERBS} | {
    "updateTask": 'mutation ($id: ID!) { updateTask(id: $id, input: {title: "x"}) { __typename } }'
}


@pytest.mark.parametrize("document", [*BY_ID.values(), CREATE])
def test_mutation_without_a_token_is_rejected(url: str, document: str) -> None:
    variables = {"id": str(uuid.uuid4()), "input": {"title": "x"}}
    answer = plain_http.post(f"{url}/graphql", json={"query": document, "variables": variables})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("document", BY_ID.values(), ids=BY_ID)
def test_mutation_of_a_missing_task_is_not_found(alice: Person, document: str) -> None:
    refusal = alice.refusal(document, id=str(uuid.uuid4()))
    assert refusal == {"code": "NOT_FOUND", "status": 404, "message": "There is no such task."}


@pytest.mark.parametrize("document", BY_ID.values(), ids=BY_ID)
def test_mutation_of_a_foreign_task_is_not_found(
    alice: Person, mallory: Person, document: str
) -> None:
    task = alice.create()
    refusal = mallory.refusal(document, id=task["id"])
    assert refusal == {"code": "NOT_FOUND", "status": 404, "message": "There is no such task."}
    assert alice.find(task["id"]) == task
    assert alice.revision() == 1


@pytest.mark.parametrize("document", BY_ID.values(), ids=BY_ID)
@pytest.mark.parametrize(
    "task_id", ["", "1", "x" * 5_000, "{" + SOME_ID + "}", SOME_ID.replace("-", "")]
)
def test_mutation_with_an_invalid_id_is_rejected(
    alice: Person, document: str, task_id: str
) -> None:
    refusal = alice.refusal(document, id=task_id)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "id")


def test_update_changes_only_given_fields(alice: Person) -> None:
    task = alice.create("Buy milk", description="two litres")
    changed = alice.update(task, title=" Buy bread ")
    assert (changed["title"], changed["description"]) == ("Buy bread", "two litres")
    assert changed["revision"] == 2
    assert changed["updatedAt"] > task["updatedAt"]
    assert alice.find(task["id"]) == task | changed


def test_update_distinguishes_null_from_omitted(alice: Person) -> None:
    task = alice.create("Buy milk", description="two litres")
    assert alice.update(task, title="x")["description"] == "two litres"
    assert alice.update(task, description=None)["description"] is None
    assert alice.update(task, description="")["description"] == ""
    refusal = alice.refusal(UPDATE, id=task["id"], input={"title": None})
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "input.title")


@pytest.mark.parametrize("same", [{}, {"title": "Buy milk"}, {"description": None}])
def test_update_to_equal_values_changes_nothing(alice: Person, same: dict[str, Any]) -> None:
    task = alice.create("Buy milk")
    assert alice.update(task, **same)["updatedAt"] == task["updatedAt"]
    assert alice.revision() == 1


def test_update_at_the_expected_revision_succeeds(alice: Person) -> None:
    task = alice.create()
    assert alice.update(task, title="x", expectedRevision=1)["revision"] == 2


@pytest.mark.parametrize("given", [{"title": "other"}, {}, {"title": "x"}])
def test_update_at_a_stale_revision_is_rejected(alice: Person, given: dict[str, Any]) -> None:
    task = alice.create()
    alice.update(task, title="x")
    refusal = alice.refusal(UPDATE, id=task["id"], input={"expectedRevision": 1, **given})
    assert (refusal["code"], refusal["currentRevision"]) == ("CONFLICT", 2)
    assert alice.find(task["id"])["title"] == "x"
    assert alice.revision() == 2


@pytest.mark.parametrize("revision", [2**31, -(2**31) - 1, "1", 1.5])
def test_update_with_an_invalid_revision_is_rejected(alice: Person, revision: Any) -> None:
    task = alice.create()
    refusal = alice.refusal(UPDATE, id=task["id"], input={"expectedRevision": revision})
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "input.expectedRevision")


@pytest.mark.parametrize(
    ("verb", "back", "field"),
    [("completeTask", "reopenTask", "completedAt"), ("deleteTask", "restoreTask", "deletedAt")],
)
def test_complete_and_delete_are_reversible(
    alice: Person, verb: str, back: str, field: str
) -> None:
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
def test_repeated_mutation_changes_nothing(alice: Person, verb: str, first: str | None) -> None:
    task = alice.create()
    if first is not None:
        task = alice.change(first, task["id"])
    assert alice.change(verb, task["id"]) == task
    assert alice.revision() == task["revision"]


def test_purge_removes_the_task(alice: Person) -> None:
    for verb in (None, "deleteTask"):
        task = alice.create()
        if verb is not None:
            alice.change(verb, task["id"])
        document = "mutation ($id: ID!) { purgeTask(id: $id) { taskId } }"
        assert alice.ask(document, id=task["id"].upper()) == {"purgeTask": {"taskId": task["id"]}}
        assert alice.find(task["id"]) is None
    assert alice.revision() == 5


def test_task_in_the_trash_can_be_updated(alice: Person) -> None:
    task = alice.create()
    trashed = alice.change("deleteTask", task["id"])
    assert alice.find(task["id"]) == trashed
    assert alice.update(task, title="x")["revision"] == 3
    assert alice.change("completeTask", task["id"])["deletedAt"] == trashed["deletedAt"]


def test_failed_mutation_keeps_results_of_other_mutations(alice: Person) -> None:
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
