"""The document cache, and errors that do not reveal the schema."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.differential import Home
from tests.support.documents import LIMITS, new_documents, new_schema
from todo_graphql.api.documents.cache import CACHE_CHARACTERS
from todo_graphql.settings.environment_variables import ExecutorName
from todo_graphql.store.postgres.engine import Database

OWNER = "a user"


@pytest.fixture(scope="module")
def home(database: Database) -> Home:
    return Home(database)


def test_document_is_parsed_once_for_each_user() -> None:
    own = new_documents()
    for text in ("{ me { id } }", "{ nothing }"):
        document = own.get(text, OWNER)
        assert own.get(text, OWNER) is document
        assert own.get(text, "another user") is not document
        assert own.get(text, "another user") is document


def test_cache_is_bounded_by_characters() -> None:
    own = new_documents(replace(LIMITS, characters=1_000_000))
    first = own.get("{ me { id } }", OWNER)
    for number in range(12):
        own.get("{ me { id } }" + " " * (CACHE_CHARACTERS // 10) + str(number), OWNER)
    assert own.cache.weight <= CACHE_CHARACTERS
    assert own.get("{ me { id } }", OWNER) is not first
    enormous = "{ me { id } }" + " " * CACHE_CHARACTERS
    assert own.get(enormous, OWNER).errors == []


def test_cache_is_bounded_for_short_documents() -> None:
    """Invalid documents of one character, cached without a traceback of the parser."""
    own = new_documents()
    for number in range(2_000):
        own.get(chr(0x20000 + number), OWNER)
    assert len(own.cache) < 1_000
    (error,) = own.get(chr(0x20000), OWNER).errors
    assert error.__traceback__ is None


INTROSPECTION = {
    "the schema": "{ __schema { types { name } } }",
    "a type": '{ __type(name: "Task") { name } }',
    "the schema by a fragment of that name": "{ ...__schema } "
    "fragment __schema on Query { __schema { types { name } } }",
}


@pytest.mark.parametrize("document", INTROSPECTION.values(), ids=INTROSPECTION)
def test_introspection_can_be_disabled(document: str) -> None:
    errors = new_documents(introspection=False).prepare(document).errors
    assert errors
    assert {(error.extensions or {})["code"] for error in errors} == {"GRAPHQL_VALIDATION_FAILED"}
    assert new_documents().prepare(document).errors == []


@pytest.mark.parametrize(
    "document",
    [
        "{ __typename me { __typename } }",
        "{ me { ...__schema } } fragment __schema on User { id }",
    ],
)
def test_typename_is_allowed_without_introspection(document: str) -> None:
    assert new_documents(introspection=False).prepare(document).errors == []


# graphql-core suggests a name for all but the first.
MISTAKES = {
    "nothing": "{ nothing }",
    "a field": "{ mee { id } }",
    "a field of a type": "{ node(id: 1) { title } }",
    "a selection": "{ me }",
    "an argument": "{ tasks(filtr: {}) { totalCount } }",
    "an argument of a directive": "{ me @skip(iff: true) { id } }",
    "a type": "{ ... on Quer { __typename } }",
    "the type of a variable": "query ($f: TaskFilterr) { tasks(filter: $f) { totalCount } }",
    "a member of an input": "{ tasks(filter: {titl: {}}) { totalCount } }",
    "a value of an enum": "{ tasks(orderBy: [{field: DU}]) { totalCount } }",
    "a text for an enum": '{ tasks(orderBy: [{field: "DUE"}]) { totalCount } }',
}


@pytest.mark.parametrize("document", MISTAKES.values(), ids=MISTAKES)
def test_no_suggestion_leaks_a_name(document: str) -> None:
    def words(*, introspection: bool) -> str:
        errors = new_documents(introspection=introspection).prepare(document).errors
        assert errors
        return " ".join(error.message for error in errors)

    assert "Did you mean" not in words(introspection=False)
    assert ("Did you mean" in words(introspection=True)) == (document != MISTAKES["nothing"])


# Values of variables for which graphql-core suggests a name.
VALUES: dict[str, tuple[str, str, Any]] = {
    "a member of an input": ("filter", "TaskFilter", {"titl": {}}),
    "a member of a list": ("filter", "TaskFilter", {"and": [{"titel": {}}]}),
    "a value of an enum": ("orderBy", "[TaskOrder!]", [{"field": "DU"}]),
}


@pytest.mark.parametrize("executor", ["projection", "reference"])
@pytest.mark.parametrize(("argument", "kind", "value"), VALUES.values(), ids=VALUES)
def test_no_suggestion_leaks_a_name_in_errors_of_variables(
    home: Home, executor: ExecutorName, argument: str, kind: str, value: object
) -> None:
    document = f"query ($v: {kind}) {{ tasks({argument}: $v) {{ totalCount }} }}"

    def words(*, introspection: bool) -> str:
        schema = new_schema(introspection=introspection, executor=executor)
        errors = home.ask(schema, document, v=value).errors
        assert errors is not None
        (error,) = errors
        assert error.extensions is not None
        assert error.extensions["code"] == "BAD_USER_INPUT"
        return error.message

    assert "Did you mean" not in words(introspection=False)
    assert "Did you mean" in words(introspection=True)


def test_no_suggestion_leaks_a_name_in_the_fallback(home: Home) -> None:
    """The variable is valid for the operation, but not for the remaining argument."""
    schema = new_schema(introspection=False)
    document = """query ($v: TaskOrderField!) {
        a: task(id: 1) { id } tasks(orderBy: [{field: $v}]) { totalCount }
    }"""
    errors = home.ask(schema, document, v="DU").errors or ()
    assert errors
    assert not [error for error in errors if "Did you mean" in error.message]


def test_number_of_validation_errors_is_limited() -> None:
    errors = (
        new_documents()
        .prepare("{ me { " + " ".join(f"nothing{n}" for n in range(21)) + " } }")
        .errors
    )
    assert len(errors) == 21
    assert errors[20].message == "Too many errors: only the first 20 are listed."
    codes = {(error.extensions or {})["code"] for error in errors}
    assert codes == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    ("value", "wrong"),
    [('createdAt: {gte: "now"}', '"now"'), ('dueOn: {in: ["2026-01-01", "today"]}', '"today"')],
)
def test_invalid_scalar_literal_is_reported_with_its_location(value: str, wrong: str) -> None:
    document = f"{{ tasks(filter: {{{value}}}) {{ totalCount }} }}"
    (error,) = new_documents().prepare(document).errors
    assert error.extensions == {"code": "GRAPHQL_VALIDATION_FAILED", "status": 400}
    assert [place.column for place in error.locations or ()] == [document.index(wrong) + 1]
