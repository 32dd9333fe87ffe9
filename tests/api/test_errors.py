"""Errors for invalid requests."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import CREATE, Person
from todo_graphql.errors import ErrorCode

pytestmark = pytest.mark.no_cover

PAGE = (
    "query ($first: Int, $after: String, $before: String, $userId: ID, $filter: TaskFilter)"
    " { tasks(first: $first, after: $after, before: $before, userId: $userId, filter: $filter)"
    " { nodes { id } } }"
)
TASK = "query ($id: ID!) { task(id: $id) { id } }"
UPDATE = (
    "mutation ($id: ID!, $input: UpdateTaskInput!) { updateTask(id: $id, input: $input)"
    " { task { id } } }"
)
SOME_ID = "c0ffee00-0000-4000-8000-000000000000"

# Texts that JSON allows and PostgreSQL cannot store: a lone surrogate, and NUL.
UNSTORABLE = ["\ud800", "a\udfffb", "\0", "a\0b"]


def only_error(response: httpx.Response) -> Any:
    (error,) = response.json()["errors"]
    return error


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ me { id }", "GRAPHQL_PARSE_FAILED"),
        ("{ \ud800 }", "GRAPHQL_PARSE_FAILED"),
        ("{ \0 }", "GRAPHQL_PARSE_FAILED"),
        ('{ task(id: "\\ud800") { id } }', "GRAPHQL_PARSE_FAILED"),
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ me }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { tasks }", "GRAPHQL_VALIDATION_FAILED"),
        ("fragment F on Query { me { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ ...A } fragment A on Query { ...A }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ tasks(first: 2147483648) { nodes { id } } }", "GRAPHQL_VALIDATION_FAILED"),
        (f"{{ tasks(first: {'9' * 5_000}) {{ nodes {{ id }} }} }}", "GRAPHQL_VALIDATION_FAILED"),
        ("{ " + "a: me { id } " * 400 + "}", "QUERY_TOO_COMPLEX"),
        ("{ a " * 300 + "}" * 300, "QUERY_TOO_COMPLEX"),
        (f"{{ tasks(first: {'[' * 300}1{']' * 300}) {{ nodes {{ id }} }} }}", "QUERY_TOO_COMPLEX"),
        (
            "{ " + "me { tasks { nodes { user { " * 6 + "id" + " } } } }" * 6 + " }",
            "QUERY_TOO_COMPLEX",
        ),
    ],
    ids=lambda value: value[:40],
)
def test_invalid_document_is_rejected(alice: Person, document: str, code: str) -> None:
    response = alice.post(document)
    error = only_error(response)
    assert (response.status_code, error["extensions"]["code"]) == (400, code)
    assert error["extensions"]["status"] == 400
    assert "data" not in response.json()


@pytest.mark.parametrize(
    ("document", "name", "reason"),
    [
        ("query A { me { id } } query B { me { id } }", None, "REQUIRED"),
        ("query A { me { id } } mutation B { __typename }", None, "REQUIRED"),
        ("query A { me { id } }", "B", "UNKNOWN_VALUE"),
        ("query A { me { id } } query B { me { id } }", "C", "UNKNOWN_VALUE"),
        ("{ me { id } }", "A", "UNKNOWN_VALUE"),
        ("query A { me { id } }", "", "UNKNOWN_VALUE"),
    ],
)
def test_ambiguous_or_unknown_operation_is_rejected(
    url: str, alice: Person, document: str, name: str | None, reason: str
) -> None:
    response = plain_http.post(
        f"{url}/graphql",
        json={"query": document, "operationName": name},
        headers={"Authorization": f"Bearer {alice.token}"},
    )
    assert response.status_code == 400
    assert "data" not in response.json()
    error = only_error(response)
    problem = {"reason": reason, "field": "operationName"}
    assert error["extensions"] == {
        "code": "BAD_USER_INPUT",
        "status": 400,
        **problem,
        "problems": [{**problem, "message": error["message"]}],
    }


@pytest.mark.parametrize(
    ("document", "variables", "field", "reason"),
    [
        (CREATE, {}, "input", "REQUIRED"),
        (CREATE, {"input": None}, "input", "REQUIRED"),
        (CREATE, {"input": "x"}, "input", "INVALID_TYPE"),
        (CREATE, {"input": {}}, "input.title", "REQUIRED"),
        (CREATE, {"input": {"title": 1}}, "input.title", "INVALID_TYPE"),
        (CREATE, {"input": {"title": None}}, "input.title", "REQUIRED"),
        (CREATE, {"input": {"title": "a", "id": True}}, "input.id", "INVALID_TYPE"),
        (CREATE, {"input": {"title": "a", "unknown": 1}}, "input.unknown", "UNKNOWN_FIELD"),
        (CREATE, {"input": {"title": "a", "\ud800": 1}}, "input.\ud800", "UNKNOWN_FIELD"),
        (CREATE, {"input": {"title": "a", "priority": "TOP"}}, "input.priority", "UNKNOWN_VALUE"),
        (CREATE, {"input": {"title": "a", "priority": 1}}, "input.priority", "INVALID_TYPE"),
        (CREATE, {"input": {"title": "a", "dueOn": "31.1."}}, "input.dueOn", "INVALID_FORMAT"),
        (CREATE, {"input": {"title": "a", "dueAt": 1}}, "input.dueAt", "INVALID_TYPE"),
        (CREATE, {"input": {"title": "a", "tags": ["a", None]}}, "input.tags.1", "REQUIRED"),
        (PAGE, {"first": 2**31}, "first", "OUT_OF_RANGE"),
        (PAGE, {"first": -(2**31) - 1}, "first", "OUT_OF_RANGE"),
        (PAGE, {"first": 1e300}, "first", "OUT_OF_RANGE"),
        (PAGE, {"first": 1.5}, "first", "INVALID_TYPE"),
        (PAGE, {"first": "1"}, "first", "INVALID_TYPE"),
        (PAGE, {"first": True}, "first", "INVALID_TYPE"),
        (PAGE, {"first": [[[[1]]]]}, "first", "INVALID_TYPE"),
        (PAGE, {"after": 1}, "after", "INVALID_TYPE"),
        (PAGE, {"filter": []}, "filter", "INVALID_TYPE"),
        (PAGE, {"filter": {"trashed": None}}, "filter.trashed", "REQUIRED"),
        (PAGE, {"filter": {"completed": "yes"}}, "filter.completed", "INVALID_TYPE"),
        (
            UPDATE,
            {"id": SOME_ID, "input": {"expectedRevision": 2**31}},
            "input.expectedRevision",
            "OUT_OF_RANGE",
        ),
    ],
)
def test_variable_of_a_wrong_type_is_reported_by_path(
    alice: Person, document: str, variables: dict[str, object], field: str, reason: str
) -> None:
    response = alice.post(document, **variables)
    assert response.status_code == 400
    assert "data" not in response.json()
    error = only_error(response)
    bounds = {"min": -(2**31), "max": 2**31 - 1} if reason == "OUT_OF_RANGE" else {}
    problem = {"reason": reason, "field": field, **bounds}
    assert error["extensions"] == {
        "code": "BAD_USER_INPUT",
        "status": 400,
        **problem,
        "problems": [{**problem, "message": error["message"]}],
    }


def test_many_invalid_variables_are_bad_user_input(alice: Person) -> None:
    response = alice.post(CREATE, input={"title": "a", **{f"x{n}": n for n in range(200)}})
    assert response.status_code == 400
    codes = {error["extensions"]["code"] for error in response.json()["errors"]}
    assert codes == {"BAD_USER_INPUT"}


@pytest.mark.parametrize("value", UNSTORABLE)
@pytest.mark.parametrize(
    ("document", "variables", "field"),
    [
        (CREATE, lambda value: {"input": {"title": value}}, "input.title"),
        (
            CREATE,
            lambda value: {"input": {"title": "a", "description": value}},
            "input.description",
        ),
        (CREATE, lambda value: {"input": {"title": "a", "id": value}}, "input.id"),
        (UPDATE, lambda value: {"id": SOME_ID, "input": {"title": value}}, "input.title"),
        (
            UPDATE,
            lambda value: {"id": SOME_ID, "input": {"description": value}},
            "input.description",
        ),
        (UPDATE, lambda value: {"id": value, "input": {"title": "a"}}, "id"),
        (TASK, lambda value: {"id": value}, "id"),
        (PAGE, lambda value: {"after": value}, "after"),
        (PAGE, lambda value: {"before": value}, "before"),
    ],
)
def test_unstorable_text_is_reported_by_path(
    alice: Person,
    document: str,
    variables: Callable[[str], dict[str, object]],
    field: str,
    value: str,
) -> None:
    refusal = alice.refusal(document, **variables(value))
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", field)


@pytest.mark.parametrize("value", [*UNSTORABLE, "", "é", "x" * 10_000])
def test_unusual_user_id_is_forbidden(alice: Person, value: str) -> None:
    assert alice.refusal(PAGE, userId=value)["code"] == "FORBIDDEN"


TWO_USES = ("task(id: $id) { id }", "tasks(filter: {id: {in: [$id]}}) { totalCount }")


@pytest.mark.parametrize(
    ("fields", "field"), [(TWO_USES, "id"), (TWO_USES[::-1], "filter.id.in.0")], ids=["id", "in"]
)
def test_bad_variable_is_reported_at_its_first_use(
    alice: Person, fields: tuple[str, ...], field: str
) -> None:
    document = f"query ($id: ID!) {{ {' '.join(fields)} }}"
    assert alice.refusal(document, id={})["field"] == field


def test_rejected_mutation_is_null_beside_successful_mutations(alice: Person) -> None:
    document = (
        'mutation { good: createTask(input: {title: "a"}) { task { title } }'
        ' bad: createTask(input: {title: " "}) { task { title } } }'
    )
    response = alice.post(document)
    assert response.status_code == 200
    assert response.json()["data"] == {"good": {"task": {"title": "a"}}, "bad": None}
    error = only_error(response)
    assert (error["path"], error["extensions"]["field"]) == (["bad"], "input.title")


TRIGGERS: dict[ErrorCode, Callable[[Person], dict[str, Any]]] = {
    ErrorCode.UNAUTHENTICATED: lambda alice: with_truncated_token(alice).refusal("{ me { id } }"),
    ErrorCode.FORBIDDEN: lambda alice: alice.refusal(PAGE, userId=SOME_ID),
    ErrorCode.NOT_FOUND: lambda alice: alice.refusal(UPDATE, id=SOME_ID, input={"title": "a"}),
    ErrorCode.BAD_USER_INPUT: lambda alice: alice.refusal(CREATE, input={"title": ""}),
    ErrorCode.CONFLICT: lambda alice: alice.refusal(
        UPDATE, id=alice.create()["id"], input={"title": "a", "expectedRevision": 7}
    ),
    ErrorCode.GRAPHQL_PARSE_FAILED: lambda alice: alice.refusal("{"),
    ErrorCode.GRAPHQL_VALIDATION_FAILED: lambda alice: alice.refusal("{ nonsense }"),
    ErrorCode.QUERY_TOO_COMPLEX: lambda alice: alice.refusal("{ " + "a: me { id } " * 400 + "}"),
}
TESTED_ELSEWHERE = {
    ErrorCode.UNAVAILABLE: "test_health.py",
    ErrorCode.INTERNAL_SERVER_ERROR: "test_error_formatting.py",
    ErrorCode.RATE_LIMITED: "test_limiter.py",
    ErrorCode.QUOTA_EXCEEDED: "test_quota.py",
    ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED: "test_persisted_queries.py",
}


def with_truncated_token(person: Person) -> Person:
    person.token = person.token[:-1]
    return person


@pytest.mark.parametrize("code", TRIGGERS, ids=lambda code: code.name)
def test_error_code_has_its_status(alice: Person, code: ErrorCode) -> None:
    refusal = TRIGGERS[code](alice)
    assert (refusal["code"], refusal["status"]) == (code.name, code.status)
    assert refusal["message"].endswith(".")


def test_every_error_code_is_tested() -> None:
    assert {*TRIGGERS, *TESTED_ELSEWHERE} == set(ErrorCode)
