"""What a document may ask for."""

import pytest
from graphql import get_introspection_query

from tests.people import Person
from todo_graphql.api.documents import CACHE_CHARACTERS, Documents
from todo_graphql.api.limits import Limits
from todo_graphql.api.schema import Schema
from todo_graphql.config import Settings

DEFAULTS = Settings.model_fields
LIMITS = Limits(
    tokens=DEFAULTS["max_query_tokens"].default,
    depth=DEFAULTS["max_query_depth"].default,
    cost=DEFAULTS["max_query_cost"].default,
)


def documents(limits: Limits = LIMITS, *, introspection: bool = True) -> Documents:
    return Schema(limits, introspection=introspection).documents


def doubling(levels: int) -> str:
    """Each fragment spreads the next one twice: 2 ** levels fields, in few words."""
    fragments = [
        f"fragment F{n} on User {{ tasks(first: 1) {{ nodes {{ user {{ ...F{n + 1} }} }} }} id }}"
        if n == levels - 1
        else f"fragment F{n} on User {{ ...F{n + 1} ...F{n + 1} }}"
        for n in range(levels)
    ]
    return " ".join(["{ me { ...F0 } }", *fragments, f"fragment F{levels} on User {{ id }}"])


TOO_COMPLEX = {
    "tokens": "{ me { " + "id " * 2_000 + "} }",
    "nesting": "{ a" * 990 + "}" * 990,
    "nested lists": "{ task(id: " + "[" * 900 + "]" * 900 + ") { id } }",
    "depth": "{ me " + "{ tasks(first: 1) { nodes { user " * 7 + "{ id }" + " } } }" * 7 + " }",
    "pages of pages": "{ me { tasks(first: 100) { nodes { user { tasks(first: 100) "
    "{ nodes { id title } } } } } } }",
    "pages of unknown size": "query ($n: Int) { me { tasks(first: $n) { nodes { user "
    "{ tasks(last: $n) { nodes { id title } } } } } } }",
    "doubling fragments": doubling(60),
    "many of a bulk of unknown size": "mutation ($n: Int!) { completeTasks(filter: {}, atMost: $n)"
    " { tasks { id user { tasks(first: 7) { nodes { id title tags } } } } } }",
    "many of a bulk by ids": "mutation ($ids: [ID!]) { completeTasks(ids: $ids)"
    " { tasks { id user { tasks(first: 7) { nodes { id title tags } } } } } }",
    "many of many creates": "mutation ($new: [CreateTaskInput!]!) { createTasks(input: $new)"
    " { tasks { user { tasks { nodes { id title } } } } } }",
    "tags of pages": "{ tasks(first: 10) { nodes { user { tags { tag open total } } } } }",
}


@pytest.mark.parametrize("document", TOO_COMPLEX.values(), ids=TOO_COMPLEX)
def test_too_complex(document: str) -> None:
    (error,) = documents().prepare(document).errors
    assert error.extensions is not None
    assert error.extensions["code"] == "QUERY_TOO_COMPLEX"


def test_the_refusal_names_the_limit(alice: Person) -> None:
    refusal = alice.refusal(TOO_COMPLEX["pages of pages"])
    assert refusal == {
        "code": "QUERY_TOO_COMPLEX",
        "status": 400,
        "limit": LIMITS.cost,
        "limitName": "cost",
        "message": "The document is too complex: its cost is more than 10000.",
    }


WHAT_FRONT_ENDS_SEND = {
    "introspection": get_introspection_query(),
    "GraphiQL's introspection": get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    ),
    "a full page of everything": """query ($after: String) {
        tasks(first: 100, after: $after) {
            totalCount
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
            edges { cursor node {
                __typename id title description completed completedAt createdAt updatedAt
                deletedAt revision user { id email }
            } }
        }
    }""",
    "fragments": "{ me { ...A } tasks { nodes { ...B } } } "
    "fragment A on User { id email } fragment B on Task { id user { ...A } }",
}


@pytest.mark.parametrize("document", WHAT_FRONT_ENDS_SEND.values(), ids=WHAT_FRONT_ENDS_SEND)
def test_what_front_ends_send_passes(document: str) -> None:
    assert documents().prepare(document).errors == []


INVALID = {
    "an unknown field": "{ nothing }",
    "an unknown field of an unknown field": "{ nothing { at { all } } }",
    "an unknown fragment": "{ me { ...Nothing } }",
    "a fragment that spreads itself": "{ me { ...A } } fragment A on User { ...A }",
    "fragments in a circle": "{ me { ...A } } fragment A on User { ...B } "
    "fragment B on User { ...A }",
    "a fragment on an unknown type": "{ ... on Nothing { id } }",
    "a subscription": "subscription { tasks }",
    "no selection": "{ me }",
    "a page of a wrong size": '{ tasks(first: "1") { totalCount } }',
    "an enormous number": "{ tasks(first: " + "9" * 5_000 + ") { totalCount } }",
}


@pytest.mark.parametrize("document", INVALID.values(), ids=INVALID)
def test_invalid_documents_are_left_to_validation(document: str) -> None:
    errors = documents().prepare(document).errors
    codes = {error.extensions["code"] for error in errors if error.extensions}
    assert codes == {"GRAPHQL_VALIDATION_FAILED"}


def test_a_number_that_python_does_not_read_is_no_matter_of_pythons() -> None:
    (error,) = documents().prepare(INVALID["an enormous number"]).errors
    assert error.message == "The document has a value that cannot be read."


def test_introspection_may_be_off() -> None:
    closed = documents(introspection=False)
    for document in ("{ __schema { types { name } } }", '{ __type(name: "Task") { name } }'):
        assert closed.prepare(document).errors
    assert closed.prepare("{ __typename me { __typename } }").errors == []
    (error,) = closed.prepare("{ mee { id } }").errors
    assert "Did you mean" not in error.message


def test_a_document_is_read_once() -> None:
    own = documents()
    assert own.prepare("{ me { id } }") is own.prepare("{ me { id } }")
    assert own.prepare("{ nothing }") is own.prepare("{ nothing }")


def test_what_is_remembered_is_bounded() -> None:
    own = documents()
    first = own.prepare("{ me { id } }")
    for number in range(12):
        own.prepare("{ me { id } }" + " " * (CACHE_CHARACTERS // 10) + str(number))
    assert own._cache.currsize <= CACHE_CHARACTERS
    assert own.prepare("{ me { id } }") is not first
    enormous = "{ me { id } }" + " " * CACHE_CHARACTERS
    assert own.prepare(enormous).errors == []


ALLOWED = {
    "a bulk of few": "mutation { completeTasks(filter: {}, atMost: 5)"
    " { tasks { id user { tasks(first: 100) { nodes { id title tags } } } } } }",
    "a bulk of few ids": 'mutation { completeTasks(ids: ["a", "b"])'
    " { tasks { id user { tasks(first: 100) { nodes { id title tags } } } } } }",
    "few creates": 'mutation { createTasks(input: [{title: "a"}])'
    " { tasks { id user { tasks(first: 100) { nodes { id title tags } } } } } }",
    "everything of the largest bulk": "mutation ($n: Int!) { deleteTasks(filter: {}, atMost: $n) {"
    " revision count tasks { id title description completed completedAt priority dueOn dueAt tags"
    " createdAt updatedAt deletedAt revision user { id email } } } }",
    "the home screen": "{ me { id } overview { open today tags { tag open total } }"
    " tasks { nodes { id title tags } } }",
}


@pytest.mark.parametrize("document", ALLOWED.values(), ids=ALLOWED)
def test_not_too_complex(document: str) -> None:
    assert documents().prepare(document).errors == []


FILTERED = "query ($f: TaskFilter) { tasks(filter: $f) { totalCount } }"
ALIASED = "query ($f: TaskFilter) { %s }" % " ".join(
    f"t{n}: tasks(filter: $f) {{ totalCount }}" for n in range(20)
)
NESTED = """query ($f: TaskFilter) {
    tasks(first: 10) { nodes { user { ...own } } }
} fragment own on User { tasks(filter: $f, first: 1) { totalCount } }"""


@pytest.mark.parametrize(
    ("document", "conditions"), [(FILTERED, 11_000), (ALIASED, 600), (NESTED, 1_200)]
)
def test_values_count_as_often_as_they_are_used(
    alice: Person, document: str, conditions: int
) -> None:
    """They have to be read, however little they say."""
    refusal = alice.refusal(document, f={"and": [{}] * conditions})
    assert (refusal["code"], refusal["limitName"]) == ("QUERY_TOO_COMPLEX", "cost")
    few = alice.post(document, f={"and": [{"title": {"eq": "x"}}] * 5}).json()
    assert "errors" not in few


def test_literals_count_as_well() -> None:
    literal = "[" + "{}, " * 900 + "]"
    document = NESTED.replace("filter: $f", f"filter: {{and: {literal}}}").replace(
        "query ($f: TaskFilter)", ""
    )
    (error,) = documents().prepare(document).errors
    assert error.extensions is not None
    assert error.extensions["code"] == "QUERY_TOO_COMPLEX"
