"""The `createTask` mutation."""

import uuid
from typing import Any

import pytest

from tests.support.api_client import CREATE, Person
from todo_graphql.store.tasks import repository


def test_create_returns_the_new_task(alice: Person) -> None:
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


def test_create_with_a_foreign_task_id_creates_an_own_task(alice: Person, mallory: Person) -> None:
    hers = alice.create("hers")
    own = mallory.create("own", id=hers["id"])
    assert (own["id"], own["title"]) == (hers["id"], "own")
    assert alice.find(hers["id"]) == hers


def test_task_cannot_have_the_id_of_its_user(alice: Person, mallory: Person) -> None:
    """Both are nodes, and clients keep nodes by their ids."""
    given = {"title": "x", "id": alice.id.upper()}
    error = alice.refusal(CREATE, input=given)
    assert (error["code"], error["reason"]) == ("BAD_USER_INPUT", "DUPLICATE")
    assert error["field"] == "input.id"
    assert "in use by your user" in error["problems"][0]["message"]
    many = "mutation ($input: [CreateTaskInput!]!) { createTasks(input: $input) { count } }"
    assert alice.refusal(many, input=[{"title": "y"}, given])["field"] == "input.1.id"
    assert alice.revision() == 0
    assert mallory.create("x", id=alice.id)["id"] == alice.id


def test_node_with_the_id_of_the_user_is_the_user(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task of an earlier release can have this id."""
    monkeypatch.setattr(repository, "require_task_id", lambda *_: None)
    alice.create("old", id=alice.id)
    node = "query ($id: ID!) { node(id: $id) { __typename } task(id: $id) { title } }"
    found = alice.ask(node, id=alice.id)
    assert found == {"node": {"__typename": "User"}, "task": {"title": "old"}}


def test_repeated_create_returns_the_existing_task(alice: Person) -> None:
    task_id = str(uuid.uuid4())
    task = alice.create("Buy milk", id=task_id)
    assert alice.create(" Buy milk", id=task_id.upper()) == task
    assert alice.revision() == 1


def test_repeated_create_after_a_change_returns_the_current_task(alice: Person) -> None:
    task = alice.create("Buy milk", id=str(uuid.uuid4()))
    alice.update(task, title="Buy bread")
    trashed = alice.change("deleteTask", task["id"])
    assert alice.create("Buy milk", id=task["id"]) == trashed
    assert (
        alice.refusal(CREATE, input={"id": task["id"], "title": "Buy bread"})["code"] == "CONFLICT"
    )


@pytest.mark.parametrize(
    "other", [{"title": "Buy bread"}, {"title": "Buy milk", "description": ""}]
)
def test_create_with_the_same_id_and_different_content_is_a_conflict(
    alice: Person, other: dict[str, str]
) -> None:
    task = alice.create("Buy milk", id=str(uuid.uuid4()))
    refusal = alice.refusal(CREATE, input={"id": task["id"], **other})
    assert (refusal["code"], refusal["status"]) == ("CONFLICT", 409)
    assert refusal["field"] == "input.id"
    assert alice.find(task["id"]) == task
    assert alice.revision() == 1


def test_create_with_a_server_generated_id_is_a_conflict(alice: Person) -> None:
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
        ({}, "input.title"),
        ({"title": "x", "userId": "x"}, "input.userId"),
    ],
)
def test_create_rejects_invalid_input(alice: Person, given: dict[str, Any], field: str) -> None:
    refusal = alice.refusal(CREATE, input=given)
    assert (refusal["code"], refusal["status"], refusal["field"]) == ("BAD_USER_INPUT", 400, field)
    assert alice.ask("{ tasks { totalCount } }") == {"tasks": {"totalCount": 0}}


def test_create_rejects_an_invalid_variable_inside_its_input(alice: Person) -> None:
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
def test_create_accepts_long_and_unusual_titles(alice: Person, title: str) -> None:
    assert alice.create(title, description="x" * 10_000)["title"] == title.strip()
