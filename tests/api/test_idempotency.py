"""Idempotency keys: a keyed mutation that is sent again is not done again."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.administrators import administering
from tests.support.api_client import TASK, Person
from tests.support.documents import root_fields
from tests.support.isolation import SCHEMA
from todo_graphql.settings.settings import Settings

CREATE = (
    """
mutation ($input: CreateTaskInput!, $key: String, $userId: ID) {
  createTask(input: $input, idempotencyKey: $key, userId: $userId) { revision task { %s } }
}
"""
    % TASK
)
BY_ID = 'mutation ($id: ID!) { VERB(id: $id, idempotencyKey: "k") { %s } }'


def test_every_mutation_takes_a_key() -> None:
    for operation, name, field in root_fields(SCHEMA.graphql_schema):
        assert ("idempotencyKey" in field.args) is (operation == "mutation"), name


def test_the_same_call_is_done_once(alice: Person) -> None:
    key = str(uuid.uuid4())
    first = alice.ask(CREATE, input={"title": "a", "tags": ["x"], "priority": "LOW"}, key=key)
    given = {"priority": "LOW", "title": "a", "tags": ["x"], "description": None}
    assert alice.ask(CREATE, input=given, key=key) == first
    assert alice.ask(CREATE, input=given, key=key, userId=alice.id) == first
    assert alice.titles() == ["a"]
    assert alice.revision() == 1


def test_it_answers_what_the_first_call_answered_whatever_has_happened_since(alice: Person) -> None:
    first = alice.ask(CREATE, input={"title": "a"}, key="k")
    alice.change("deleteTask", first["createTask"]["task"]["id"])
    assert alice.ask(CREATE, input={"title": "a"}, key="k") == first


def test_other_arguments_are_a_conflict(alice: Person) -> None:
    task = alice.ask(CREATE, input={"title": "a"}, key="k")["createTask"]["task"]
    for other in ({"title": "b"}, {"title": "a", "dueOn": "2026-01-31"}):
        refusal = alice.refusal(CREATE, input=other, key="k")
        assert (refusal["code"], refusal["field"]) == ("CONFLICT", "idempotencyKey")
    document = BY_ID.replace("VERB", "completeTask") % "revision"
    assert alice.refusal(document, id=task["id"])["code"] == "CONFLICT"
    assert alice.find(task["id"]) == task


def test_null_and_left_out_are_other_arguments_where_they_mean_other_things(alice: Person) -> None:
    task = alice.create(description="x")
    document = """mutation ($id: ID!, $input: UpdateTaskInput!) {
        updateTask(id: $id, input: $input, idempotencyKey: "k") { task { description } }
    }"""
    alice.ask(document, id=task["id"], input={"title": "a"})
    refusal = alice.refusal(document, id=task["id"], input={"title": "a", "description": None})
    assert refusal["code"] == "CONFLICT"


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        ("completeTask", "revision task { id completedAt }"),
        ("moveTask", "revision task { id }"),
        ("deleteTask", "revision task { id deletedAt }"),
        ("purgeTask", "revision taskId"),
    ],
)
def test_verbs_with_a_key(alice: Person, verb: str, fields: str) -> None:
    tasks = alice.create_many("a", "b")
    document = BY_ID.replace("VERB", verb) % fields
    first = alice.ask(document, id=tasks[0]["id"])
    assert alice.ask(document, id=tasks[0]["id"]) == first
    assert alice.revision() == 2


def test_bulk_with_a_key(alice: Person) -> None:
    alice.create_many("a", "b")
    document = """mutation { completeTasks(filter: {}, idempotencyKey: "k") {
        revision count tasks { title completed priority }
    } }"""
    first = alice.ask(document)
    alice.create("c")
    assert alice.ask(document) == first
    assert alice.titles(filter={"completed": False}) == ["c"]


def test_a_call_that_failed_may_be_repeated(alice: Person) -> None:
    task = alice.create("a")
    document = """mutation ($id: ID!, $key: String) {
        completeTask(id: $id, idempotencyKey: $key) { revision }
    }"""
    missing = str(uuid.uuid4())
    assert alice.refusal(document, id=missing, key="k")["code"] == "NOT_FOUND"
    alice.create("late", id=missing)
    assert alice.ask(document, id=missing, key="k") == {"completeTask": {"revision": 3}}
    assert alice.find(task["id"])["completed"] is False


def test_a_first_write_that_failed_leaves_nobody(alice: Person) -> None:
    document = BY_ID.replace("VERB", "completeTask") % "revision"
    assert alice.refusal(document, id=str(uuid.uuid4()))["code"] == "NOT_FOUND"
    assert alice.ask("{ me { createdAt } }") == {"me": {"createdAt": None}}


def test_keys_of_two_people_have_nothing_to_do_with_each_other(
    alice: Person, mallory: Person
) -> None:
    hers = alice.ask(CREATE, input={"title": "hers"}, key="k")
    own = mallory.ask(CREATE, input={"title": "own"}, key="k")
    assert hers["createTask"]["task"]["title"] == "hers"
    assert own["createTask"]["task"]["title"] == "own"


@pytest.mark.parametrize("key", ["k", "new", ""])
def test_foreign_user_id_is_forbidden_whatever_the_key(
    alice: Person, mallory: Person, key: str
) -> None:
    """Also where the caller has the answer to the same call already, and before the key is read."""
    alice.ask(CREATE, input={"title": "a"}, key="k")
    refusal = alice.refusal(CREATE, input={"title": "a"}, key=key, userId=mallory.id)
    assert refusal["code"] == "FORBIDDEN"


@pytest.mark.parametrize("key", ["", "x" * 101, "a\0b", "\ud800"])
def test_refuses(alice: Person, key: str) -> None:
    refusal = alice.refusal(CREATE, input={"title": "a"}, key=key)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "idempotencyKey")
    assert alice.titles() == []


@pytest.mark.parametrize("known", [False, True])
def test_the_same_call_many_times_at_once(alice: Person, known: bool) -> None:
    """Also when it is somebody's very first write."""
    if known:
        alice.create("known")
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: alice.ask(CREATE, input={"title": "a"}, key="k"), range(8))
        )
    assert all(answer == answers[0] for answer in answers)
    assert alice.titles(filter={"title": {"eq": "a"}}) == ["a"]


def test_after_a_day_the_key_is_free(alice: Person, settings: Settings) -> None:
    first = alice.ask(CREATE, input={"title": "a"}, key="k")
    url = settings.required_database_url()
    for age, expected in (("23 hours 59 minutes", ["a"]), ("24 hours", ["b", "a"])):
        with administering(url) as connection:
            connection.execute(
                text("UPDATE idempotency_keys SET created_at = now() - CAST(:age AS interval)"),
                {"age": age},
            )
        title = "a" if expected == ["a"] else "b"
        again: Any = alice.ask(CREATE, input={"title": title}, key="k")
        assert (again == first) is (expected == ["a"])
        assert alice.titles() == expected
    assert alice.ask(CREATE, input={"title": "b"}, key="k") == again
