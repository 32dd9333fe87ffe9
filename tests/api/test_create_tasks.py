"""The `createTasks` mutation."""

import uuid
from typing import Any

import pytest

from tests.support import plain_http
from tests.support.api_client import TASK, Person

CREATE = (
    """
mutation ($input: [CreateTaskInput!]!) {
  createTasks(input: $input) { revision count tasks { %s } }
}
"""
    % TASK
)


def test_create_tasks_without_a_token_is_rejected(url: str) -> None:
    variables = {"input": [{"title": "x"}]}
    answer = plain_http.post(f"{url}/graphql", json={"query": CREATE, "variables": variables})
    assert answer.status_code == 401


def test_create_tasks_returns_tasks_in_input_order(alice: Person) -> None:
    new = [{"title": f"task {number}", "priority": "LOW"} for number in range(100)]
    made = alice.ask(CREATE, input=new)["createTasks"]
    assert (made["revision"], made["count"]) == (1, 100)
    assert [task["title"] for task in made["tasks"]] == [task["title"] for task in new]
    assert {task["revision"] for task in made["tasks"]} == {1}
    assert alice.titles(orderBy={"field": "POSITION"}) == [task["title"] for task in new]


def test_create_tasks_with_existing_ids_returns_existing_tasks(alice: Person) -> None:
    new = [{"title": "a", "id": str(uuid.uuid4())}, {"title": "b", "id": str(uuid.uuid4())}]
    made = alice.ask(CREATE, input=new)["createTasks"]
    assert alice.ask(CREATE, input=new)["createTasks"] == made
    longer = alice.ask(CREATE, input=[*new, {"title": "c"}])["createTasks"]
    assert longer["tasks"][:2] == made["tasks"]
    assert (longer["revision"], longer["tasks"][2]["revision"]) == (2, 2)


def test_create_tasks_is_atomic(alice: Person) -> None:
    taken = alice.create("taken")
    refusal = alice.refusal(CREATE, input=[{"title": "a"}, {"title": "b", "id": taken["id"]}])
    assert (refusal["code"], refusal["field"]) == ("CONFLICT", "input.1.id")
    assert alice.titles() == ["taken"]
    assert alice.revision() == 1


@pytest.mark.parametrize(
    ("new", "field"),
    [
        ([], "input"),
        ([{"title": "x"}] * 101, "input"),
        ([{"title": "x"}, {"title": " "}], "input.1.title"),
        ([{"title": "x"}] * 3 + [{"title": "x", "tags": ["a", ""]}], "input.3.tags.1"),
        ([{"title": "x", "id": "1"}], "input.0.id"),
        ([{"title": "x", "dueOn": "2026-01-31", "dueAt": "2026-01-31T00:00:00Z"}], "input.0.dueAt"),
        ([{"title": "x", "id": str(uuid.UUID(int=1))}] * 2, "input.1.id"),
    ],
)
def test_create_tasks_rejects_invalid_input(alice: Person, new: list[Any], field: str) -> None:
    refusal = alice.refusal(CREATE, input=new)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", field)
    assert alice.revision() == 0


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ([{"title": "a"}, {"title": "b", "dueOn": "soon"}], "input.1.dueOn"),
        ([{"title": "a", "tags": ["x", 5]}], "input.0.tags.1"),
        ([{"title": "a"}, None], "input.1"),
    ],
)
def test_create_tasks_error_path_starts_at_the_argument(
    alice: Person, variable: list[Any], field: str
) -> None:
    document = """mutation ($some: [CreateTaskInput!]!) {
        createTasks(input: $some) { revision }
    }"""
    refusal = alice.refusal(document, some=variable)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", field)
