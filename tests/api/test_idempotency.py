"""Idempotency keys: repeated calls of a mutation."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.administrators import administering
from tests.support.api_client import TASK, Person
from tests.support.documents import root_fields
from tests.support.isolation import SCHEMA
from todo_graphql.api.comparators import DueComparator, TagsComparator
from todo_graphql.api.mutations.idempotency import to_json
from todo_graphql.api.scalars import Date
from todo_graphql.settings.settings import Settings
from todo_graphql.store.idempotency import MAX_KEY_BYTES, MAX_KEYS

CREATE = (
    """
mutation ($input: CreateTaskInput!, $key: String, $userId: ID) {
  createTask(input: $input, idempotencyKey: $key, userId: $userId) { revision task { %s } }
}
"""
    % TASK
)
BY_ID = 'mutation ($id: ID!) { VERB(id: $id, idempotencyKey: "k") { %s } }'


def test_every_mutation_takes_an_idempotency_key() -> None:
    for operation, name, field in root_fields(SCHEMA.graphql_schema):
        assert ("idempotencyKey" in field.args) is (operation == "mutation"), name


def test_repeated_call_is_executed_once(alice: Person) -> None:
    key = str(uuid.uuid4())
    first = alice.ask(CREATE, input={"title": "a", "tags": ["x"], "priority": "LOW"}, key=key)
    given = {"priority": "LOW", "title": "a", "tags": ["x"], "description": None}
    assert alice.ask(CREATE, input=given, key=key) == first
    assert alice.ask(CREATE, input=given, key=key, userId=alice.id) == first
    assert alice.titles() == ["a"]
    assert alice.revision() == 1


def test_repeated_call_returns_the_first_response_after_changes(alice: Person) -> None:
    first = alice.ask(CREATE, input={"title": "a"}, key="k")
    alice.change("deleteTask", first["createTask"]["task"]["id"])
    assert alice.ask(CREATE, input={"title": "a"}, key="k") == first


def test_different_arguments_are_a_conflict(alice: Person) -> None:
    task = alice.ask(CREATE, input={"title": "a"}, key="k")["createTask"]["task"]
    for other in ({"title": "b"}, {"title": "a", "dueOn": "2026-01-31"}):
        refusal = alice.refusal(CREATE, input=other, key="k")
        assert (refusal["code"], refusal["field"]) == ("CONFLICT", "idempotencyKey")
    document = BY_ID.replace("VERB", "completeTask") % "revision"
    assert alice.refusal(document, id=task["id"])["code"] == "CONFLICT"
    assert alice.find(task["id"]) == task


def test_null_and_omitted_fields_are_different_arguments(alice: Person) -> None:
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
def test_mutation_with_a_key_is_executed_once(alice: Person, verb: str, fields: str) -> None:
    tasks = alice.create_many("a", "b")
    document = BY_ID.replace("VERB", verb) % fields
    first = alice.ask(document, id=tasks[0]["id"])
    assert alice.ask(document, id=tasks[0]["id"]) == first
    assert alice.revision() == 2


def test_bulk_mutation_with_a_key_is_executed_once(alice: Person) -> None:
    alice.create_many("a", "b")
    document = """mutation { completeTasks(filter: {completed: false}, idempotencyKey: "k") {
        revision count tasks { title completed priority }
    } }"""
    first = alice.ask(document)
    alice.create("c")
    assert alice.ask(document) == first
    assert alice.titles(filter={"completed": False}) == ["c"]


def test_failed_call_does_not_use_up_its_key(alice: Person) -> None:
    task = alice.create("a")
    document = """mutation ($id: ID!, $key: String) {
        completeTask(id: $id, idempotencyKey: $key) { revision }
    }"""
    missing = str(uuid.uuid4())
    assert alice.refusal(document, id=missing, key="k")["code"] == "NOT_FOUND"
    alice.create("late", id=missing)
    assert alice.ask(document, id=missing, key="k") == {"completeTask": {"revision": 3}}
    assert alice.find(task["id"])["completed"] is False


def test_failed_first_write_creates_no_user(alice: Person) -> None:
    document = BY_ID.replace("VERB", "completeTask") % "revision"
    assert alice.refusal(document, id=str(uuid.uuid4()))["code"] == "NOT_FOUND"
    assert alice.ask("{ me { createdAt } }") == {"me": {"createdAt": None}}


def test_keys_of_two_users_are_independent(alice: Person, mallory: Person) -> None:
    hers = alice.ask(CREATE, input={"title": "hers"}, key="k")
    own = mallory.ask(CREATE, input={"title": "own"}, key="k")
    assert hers["createTask"]["task"]["title"] == "hers"
    assert own["createTask"]["task"]["title"] == "own"


@pytest.mark.parametrize("key", ["k", "new", ""])
def test_foreign_user_id_is_forbidden_with_any_key(
    alice: Person, mallory: Person, key: str
) -> None:
    """`userId` is checked before the key is read, and for stored responses."""
    alice.ask(CREATE, input={"title": "a"}, key="k")
    refusal = alice.refusal(CREATE, input={"title": "a"}, key=key, userId=mallory.id)
    assert refusal["code"] == "FORBIDDEN"


@pytest.mark.parametrize("key", ["", "x" * 101, "a\0b", "\ud800"])
def test_invalid_key_is_rejected(alice: Person, key: str) -> None:
    refusal = alice.refusal(CREATE, input={"title": "a"}, key=key)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "idempotencyKey")
    assert alice.titles() == []


@pytest.mark.parametrize("known", [False, True])
def test_concurrent_repeated_calls_are_executed_once(alice: Person, known: bool) -> None:
    """Cover the first write of a user as well."""
    if known:
        alice.create("known")
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: alice.ask(CREATE, input={"title": "a"}, key="k"), range(8))
        )
    assert all(answer == answers[0] for answer in answers)
    assert alice.titles(filter={"title": {"eq": "a"}}) == ["a"]


def test_key_expires_after_24_hours(alice: Person, settings: Settings) -> None:
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


SAVED_KEYS = """
INSERT INTO idempotency_keys (user_id, key, digest, answer)
SELECT :user_id, 'saved ' || n, '', repeat('x', :size) FROM generate_series(1, :number) AS n
"""


@pytest.mark.parametrize(
    ("number", "size", "name", "limit"),
    [
        (MAX_KEYS - 1, 1, "idempotencyKeys", MAX_KEYS),
        (1, MAX_KEY_BYTES - 500, "idempotencyKeyBytes", MAX_KEY_BYTES),
    ],
    ids=["keys", "bytes"],
)
def test_retained_keys_are_limited(
    alice: Person, settings: Settings, number: int, size: int, name: str, limit: int
) -> None:
    with administering(settings.required_database_url()) as connection:
        values = {"user_id": alice.id, "number": number, "size": size}
        connection.execute(text(SAVED_KEYS), values)
        first = alice.ask(CREATE, input={"title": "a"}, key="k")
        refusal = alice.refusal(CREATE, input={"title": "b"}, key="k2")
        assert (refusal["code"], refusal["limitName"]) == ("QUOTA_EXCEEDED", name)
        assert refusal["limit"] == limit < refusal["used"] + refusal["requested"]
        assert alice.ask(CREATE, input={"title": "a"}, key="k") == first
        assert (alice.titles(), alice.revision()) == (["a"], 1)
        connection.execute(
            text(
                "UPDATE idempotency_keys SET created_at = now() - interval '24 hours'"
                " WHERE user_id = :user_id AND key LIKE 'saved %'"
            ),
            values,
        )
        alice.ask(CREATE, input={"title": "b"}, key="k2")
        left = text("SELECT count(*) FROM idempotency_keys WHERE user_id = :user_id")
        assert connection.execute(left, values).scalar_one() == 2


SET_VALUES = """mutation ($input: [TaskValuesInput!]!) {
    setTasks(input: $input, idempotencyKey: "k") { tasks { id position } previous { id title } }
}"""


READ_ANSWER = text("SELECT answer FROM idempotency_keys WHERE user_id = :user_id")
CHANGE_ANSWER = text("UPDATE idempotency_keys SET answer = :answer WHERE user_id = :user_id")


def test_payload_of_an_earlier_release_is_replayed(alice: Person, settings: Settings) -> None:
    values = {"id": alice.create("a")["id"], "title": "b"}
    first = alice.ask(SET_VALUES, input=[values])["setTasks"]
    with administering(settings.required_database_url()) as connection:
        user = {"user_id": alice.id}
        payload = json.loads(connection.execute(READ_ANSWER, user).scalar_one())
        del payload["tasks"][0]["position"]
        payload["later"] = payload["previous"][0]["later"] = payload["tasks"][0]["later"] = 1
        connection.execute(CHANGE_ANSWER, {**user, "answer": json.dumps(payload)})
    first["tasks"][0]["position"] = ""
    assert alice.ask(SET_VALUES, input=[values])["setTasks"] == first


def test_later_fields_do_not_change_digests() -> None:
    """A request from before an upgrade can be repeated after it."""
    assert to_json(TagsComparator(any=["a"])) == {"any": ["a"]}
    assert to_json(TagsComparator(empty=False)) == {"empty": False}
    assert to_json(DueComparator(overdue=True)) == {"overdue": True}
    assert to_json(DueComparator(to=Date("2026-01-31")))["to"] == "2026-01-31"
