"""The reasons of invalid input and of conflicts, each with a request that causes it."""

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.support import plain_http
from tests.support.api_client import CREATE, Person
from tests.support.differential import FAST, REFERENCE, Home, canonical
from tests.support.invalid_operations import iter_calls, iter_variables
from todo_graphql.errors import ConflictReason, ErrorCode, InputReason
from todo_graphql.store.postgres.engine import Database

CREATE_TASKS = (
    "mutation ($input: [CreateTaskInput!]!) { createTasks(input: $input) { tasks { id } } }"
)
LIST = (
    "query ($first: Int, $filter: TaskFilter, $orderBy: [TaskOrder!])"
    " { tasks(first: $first, filter: $filter, orderBy: $orderBy) { nodes { id } } }"
)
SOME_ID = "c0ffee00-0000-4000-8000-000000000000"
PYTHON = re.compile(r"\b(None|True|False|Undefined)\b|\{'|<\w|<class|Traceback|\bobject at\b")
"""Parts of messages that only Python has."""

DEEP: dict[str, Any] = {"completed": True}
for _ in range(6):
    DEEP = {"not": DEEP}

Trigger = Callable[[Person], dict[str, Any]]


def create(**given: Any) -> Trigger:
    return lambda alice: alice.refusal(CREATE, input={"title": "a", **given})


def listing(**given: Any) -> Trigger:
    return lambda alice: alice.refusal(LIST, **given)


def request(document: str, **given: Any) -> Trigger:
    return lambda alice: alice.refusal(document, **given)


INPUT_TRIGGERS: Mapping[InputReason, Trigger] = {
    InputReason.REQUIRED: create(title=None),
    InputReason.UNKNOWN_FIELD: create(titel="a"),
    InputReason.TOO_LONG: create(title="x" * 201),
    InputReason.TOO_SHORT: create(title=" "),
    InputReason.TOO_LARGE: create(title="x" * 2**21),
    InputReason.TOO_MANY: create(tags=[str(number) for number in range(21)]),
    InputReason.TOO_FEW: request(CREATE_TASKS, input=[]),
    InputReason.TOO_DEEP: listing(filter=DEEP),
    InputReason.OUT_OF_RANGE: listing(first=0),
    InputReason.INVALID_TYPE: create(title=1),
    InputReason.INVALID_FORMAT: create(id="1"),
    InputReason.INVALID_CHARACTERS: create(title="a\nb"),
    InputReason.UNKNOWN_VALUE: request('{ overview(timeZone: "Mars") { open } }'),
    InputReason.DUPLICATE: request(CREATE_TASKS, input=[{"title": "a", "id": SOME_ID}] * 2),
    InputReason.NOT_COMBINABLE: create(dueOn="2026-01-31", dueAt="2026-01-31T09:30:00Z"),
    InputReason.MISMATCH: request('mutation { deleteAccount(confirm: "x") { userId } }'),
}
BOUNDS = {
    InputReason.TOO_LONG: {"max"},
    InputReason.TOO_SHORT: {"min"},
    InputReason.TOO_LARGE: {"max"},
    InputReason.TOO_MANY: {"max"},
    InputReason.TOO_FEW: {"min", "max"},
    InputReason.TOO_DEEP: {"max"},
    InputReason.OUT_OF_RANGE: {"min", "max"},
}


def stale(alice: Person) -> dict[str, Any]:
    update = """mutation ($id: ID!) {
        updateTask(id: $id, input: {title: "a", expectedRevision: 7}) { task { id } }
    }"""
    return alice.refusal(update, id=alice.create()["id"])


def id_taken(alice: Person) -> dict[str, Any]:
    task_id = alice.create("a", id=str(uuid.uuid4()))["id"]
    return alice.refusal(CREATE, input={"title": "b", "id": task_id})


def key_reused(alice: Person) -> dict[str, Any]:
    call = 'mutation ($title: String!) { createTask(idempotencyKey: "k", input: {title: $title})'
    document = f"{call} {{ revision }} }}"
    alice.ask(document, title="a")
    return alice.refusal(document, title="b")


def too_many(alice: Person) -> dict[str, Any]:
    alice.create_many("a", "b")
    return alice.refusal(
        "mutation { completeTasks(filter: {completed: false}, atMost: 1) { count } }"
    )


def purged(alice: Person) -> dict[str, Any]:
    task = alice.create("a", id=SOME_ID)
    alice.ask("mutation ($id: ID!) { purgeTask(id: $id) { taskId } }", id=task["id"])
    return alice.refusal(CREATE, input={"title": "a", "id": SOME_ID})


CONFLICT_TRIGGERS: Mapping[ConflictReason, Trigger] = {
    ConflictReason.STALE: stale,
    ConflictReason.ID_TAKEN: id_taken,
    ConflictReason.KEY_REUSED: key_reused,
    ConflictReason.TOO_MANY: too_many,
    ConflictReason.PURGED: purged,
}


@pytest.mark.parametrize("reason", INPUT_TRIGGERS, ids=lambda reason: reason.name)
def test_reason_of_invalid_input_has_its_bounds(alice: Person, reason: InputReason) -> None:
    refusal = INPUT_TRIGGERS[reason](alice)
    assert (refusal["code"], refusal["reason"]) == ("BAD_USER_INPUT", reason.name)
    assert {"min", "max"} & refusal.keys() == BOUNDS.get(reason, set())
    (problem,) = refusal["problems"]
    assert problem.items() <= refusal.items()


def test_unsupported_request_has_its_reason(url: str, alice: Person) -> None:
    headers = {"Authorization": f"Bearer {alice.token}", "Content-Type": "text/plain"}
    response = plain_http.post(f"{url}/graphql", content="x", headers=headers)
    (error,) = response.json()["errors"]
    assert (response.status_code, error["extensions"]["status"]) == (415, 415)
    assert error["extensions"]["reason"] == InputReason.UNSUPPORTED_REQUEST.name


@pytest.mark.parametrize("reason", CONFLICT_TRIGGERS, ids=lambda reason: reason.name)
def test_conflict_has_its_reason(alice: Person, reason: ConflictReason) -> None:
    refusal = CONFLICT_TRIGGERS[reason](alice)
    assert (refusal["code"], refusal["reason"]) == ("CONFLICT", reason.name)
    assert ("task" in refusal) is (reason in (ConflictReason.STALE, ConflictReason.ID_TAKEN))


def test_every_reason_is_triggered() -> None:
    assert {*INPUT_TRIGGERS, InputReason.UNSUPPORTED_REQUEST} == set(InputReason)
    assert {*CONFLICT_TRIGGERS} == set(ConflictReason)


def test_error_codes_and_reasons_are_queried(alice: Person) -> None:
    document = "{ errorCodes { code status description inputReasons conflictReasons } }"
    codes = {info["code"]: info for info in alice.ask(document)["errorCodes"]}
    assert [*codes] == [code.name for code in ErrorCode]
    assert {name: info["status"] for name, info in codes.items()} == {
        code.name: code.status for code in ErrorCode
    }
    reasons = {
        name: (info["inputReasons"], info["conflictReasons"])
        for name, info in codes.items()
        if info["inputReasons"] or info["conflictReasons"]
    }
    assert reasons == {
        "BAD_USER_INPUT": ([reason.name for reason in InputReason], []),
        "CONFLICT": ([], [reason.name for reason in ConflictReason]),
    }


@pytest.mark.no_cover
def test_every_invalid_variable_has_a_reason(database: Database) -> None:
    """Both executors report the same problems, in words of GraphQL."""
    home, rejected = Home(database), 0
    for document, given in iter_variables(FAST.graphql_schema):
        result = home.ask(FAST, document, **given)
        assert canonical(result) == canonical(home.ask(REFERENCE, document, **given))
        for error in result.errors or ():
            extensions = error.extensions or {}
            assert not PYTHON.search(error.message), error.message
            if extensions["code"] != ErrorCode.BAD_USER_INPUT.name:
                continue
            rejected += 1
            assert extensions["reason"] in InputReason.__members__
            assert extensions["field"]
            first, *_ = extensions["problems"]
            assert first == {name: extensions.get(name, error.message) for name in first}
    assert rejected > 500


@pytest.mark.no_cover
def test_message_about_an_invalid_document_has_no_notation_of_python() -> None:
    rejected = 0
    for document in dict.fromkeys(iter_calls(FAST.graphql_schema)):
        for error in FAST.documents.prepare(document).errors:
            rejected += 1
            assert not PYTHON.search(error.message), error.message
    assert rejected > 500


def test_null_inside_a_literal_has_a_reason(alice: Person) -> None:
    document = """mutation ($tag: String = "b") {
        createTask(input: {title: "a", tags: ["x", $tag]}) { task { title } }
        b: createTask(input: {title: "b"}) { task { title } }
    }"""
    answer = alice.post(document, tag=None).json()
    (error,) = answer["errors"]
    assert error["message"] == "`input.tags.1` is required."
    problem = {"field": "input.tags.1", "reason": "REQUIRED", "message": error["message"]}
    assert error["extensions"]["problems"] == [problem]
    assert answer["data"] == {"createTask": None, "b": {"task": {"title": "b"}}}
