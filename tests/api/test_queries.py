"""Query fields."""

import uuid

import pytest

from tests.support import plain_http
from tests.support.api_client import TASK, Person
from todo_graphql.dev.demo_user import token_for
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Viewer

DOCUMENTS = {
    "me": "{ me { id } }",
    "node": "query ($id: ID!) { node(id: $id) { __typename id } }",
    "task": "query ($id: ID!) { task(id: $id) { id } }",
    "tasks": "{ tasks { nodes { id } } }",
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_query_without_a_token_is_rejected(url: str, document: str) -> None:
    answer = plain_http.post(f"{url}/graphql", json={"query": document})
    assert answer.status_code == 401
    assert "data" not in answer.json()


@pytest.mark.parametrize("name", ["node", "task"])
def test_query_of_a_missing_object_returns_null(alice: Person, name: str) -> None:
    assert alice.ask(DOCUMENTS[name], id=str(uuid.uuid4())) == {name: None}


@pytest.mark.parametrize("name", ["node", "task"])
def test_query_of_a_foreign_object_returns_null(alice: Person, mallory: Person, name: str) -> None:
    task = alice.create()
    assert mallory.ask(DOCUMENTS[name], id=task["id"]) == {name: None}
    assert mallory.ask(DOCUMENTS["node"], id=alice.id) == {"node": None}
    assert alice.find(task["id"]) == task


@pytest.mark.parametrize("name", ["node", "task"])
def test_query_with_an_invalid_id_is_rejected(alice: Person, name: str) -> None:
    refusal = alice.refusal(DOCUMENTS[name], id="42")
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "id")


def test_me_before_the_first_write(alice: Person) -> None:
    document = "{ me { id email createdAt revision tasks { totalCount nodes { id } } } }"
    assert alice.ask(document) == {
        "me": {
            "id": alice.id,
            "email": alice.viewer.email,
            "createdAt": None,
            "revision": 0,
            "tasks": {"totalCount": 0, "nodes": []},
        }
    }


def test_me_after_the_first_write(alice: Person) -> None:
    task = alice.create()
    me = alice.ask("{ me { createdAt revision tasks { nodes { id } } } }")["me"]
    assert me == {
        "createdAt": task["createdAt"],
        "revision": 1,
        "tasks": {"nodes": [{"id": task["id"]}]},
    }


def test_node_returns_a_task_or_the_viewer(alice: Person) -> None:
    task = alice.create()
    document = "query ($id: ID!) { node(id: $id) { id __typename ... on Task { title } } }"
    expected = {"__typename": "Task", "id": task["id"], "title": task["title"]}
    assert alice.ask(document, id=task["id"].upper()) == {"node": expected}
    assert alice.ask(document, id=alice.id) == {"node": {"__typename": "User", "id": alice.id}}


def test_task_returns_all_fields(alice: Person) -> None:
    task = alice.create(description="two litres")
    document = f"query ($id: ID!) {{ task(id: $id) {{ {TASK} user {{ id email revision }} }} }}"
    user = {"id": alice.id, "email": alice.viewer.email, "revision": 1}
    assert alice.ask(document, id=task["id"])["task"] == task | {"user": user}


def test_tasks_applies_filters(alice: Person) -> None:
    open_, done, trashed, trashed_done = (alice.create(title)["id"] for title in "abcd")
    for task_id in (done, trashed_done):
        alice.change("completeTask", task_id)
    for task_id in (trashed, trashed_done):
        alice.change("deleteTask", task_id)
    document = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount nodes { id } } }"

    def ids(**which: bool | None) -> list[str]:
        tasks = alice.ask(document, filter=which)["tasks"]
        assert tasks["totalCount"] == len(tasks["nodes"])
        return [node["id"] for node in tasks["nodes"]]

    assert ids() == [done, open_]
    assert ids(completed=None) == [done, open_]
    assert ids(completed=True) == [done]
    assert ids(completed=False) == [open_]
    assert ids(trashed=True) == [trashed_done, trashed]
    assert ids(trashed=True, completed=True) == [trashed_done]
    assert ids(trashed=True, completed=False) == [trashed]


def test_operation_name_selects_the_operation(alice: Person, url: str) -> None:
    document = "query A { me { id } } query B { tasks { totalCount } }"
    answer = plain_http.post(
        f"{url}/graphql",
        json={"query": document, "operationName": "B"},
        headers={"Authorization": f"Bearer {alice.token}"},
    )
    assert answer.json() == {"data": {"tasks": {"totalCount": 0}}}


def test_email_falls_back_to_the_last_known_email(alice: Person, settings: Settings) -> None:
    """The email can change at the issuer, and the token can omit it."""
    alice.create()
    document = "{ me { email } }"
    for email, shown in (("new@example.com", "new@example.com"), (None, alice.viewer.email)):
        alice.token = token_for(Viewer(alice.viewer.id, email), settings, 3_600)
        assert alice.ask(document) == {"me": {"email": shown}}
