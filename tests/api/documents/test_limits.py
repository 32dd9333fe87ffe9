"""Limits of documents, checked before validation."""

import itertools
from dataclasses import replace

import pytest
from graphql import get_introspection_query

from tests.support.api_client import Person
from tests.support.documents import LIMITS, new_documents
from todo_graphql.api.documents.limits import MAX_SAFE_INTEGER, Limits


def doubling(levels: int, first: str = "F0") -> str:
    """Return fragments that each spread the next twice, for 2 ** levels fields."""
    names = [first, *(f"F{n}" for n in range(1, levels + 1))]
    fragments = [
        f"fragment {name} on User {{ ...{inner} ...{inner} }}"
        for name, inner in itertools.pairwise(names)
    ]
    last = f"fragment F{levels} on User {{ tasks(first: 1) {{ nodes {{ id }} }} }}"
    return " ".join([f"{{ me {{ ...{first} }} }}", *fragments, last])


def chain(length: int, spread: str = "...F#") -> str:
    """Return fragments that each spread the next."""
    fragments = [
        f"fragment F{n} on User {{ {spread} }}".replace("#", str(n + 1)) for n in range(length)
    ]
    return " ".join(["{ me { ...F0 } }", *fragments, f"fragment F{length} on User {{ id }}"])


def many(number: int, part: str) -> str:
    """Return so many numbered copies of a part."""
    return " ".join(part.replace("#", str(n)) for n in range(number))


# The document, the limit that it exceeds, and the counted value.
TOO_COMPLEX = {
    "5 MB of spaces": ("{ me { id } }" + " " * 5_000_000, "characters", 5_000_013),
    "5 MB of a comment": ("{ me { id } }#" + "x" * 5_000_000, "characters", 5_000_014),
    "5 MB of a text": ('{ task(id: "%s") { id } }' % ("x" * 5_000_000), "characters", 5_000_023),
    "5 MB of a name": ("{ " + "x" * 5_000_000 + " }", "characters", 5_000_004),
    "5 MB of fields": ("{ " + "me " * 1_700_000 + "}", "characters", 5_100_003),
    "comments": ("{ me { id } }" + "#\n" * 20_000, "comments", 2_001),
    "tokens": ("{ me { " + "id " * 2_000 + "} }", "tokens", 2_001),
    "1,000 aliases": ("{ me { " + many(1_000, "a#: id") + " } }", "tokens", 2_001),
    "600 aliases": ("{ me { " + many(600, "a#: id") + " } }", "aliases", 600),
    "aliases of fragments": (
        "{ me { " + "...A " * 100 + "} } fragment A on User { a: id b: id }",
        "aliases",
        200,
    ),
    "990 duplicate fields": ("{ me { " + "id " * 990 + "} }", "fields", 991),
    "400 duplicate fields": ("{ me { " + "id " * 400 + "} }", "comparisons", 10_002),
    "duplicates that are nested": (
        "{ " + "me { tasks(first: 1) { nodes { user { id } } } } " * 80 + "}",
        "comparisons",
        10_002,
    ),
    "duplicates in fragments": (
        "{ me { " + many(80, "...F#") + " } } " + many(80, "fragment F# on User { id email }"),
        "comparisons",
        10_002,
    ),
    "fragments on pages of many sizes": (
        "{ "
        + " ".join(f"a{size}: tasks(first: {size}) {{ ...F0 }}" for size in range(1, 60))
        + " } "
        + chain(70, "...F# ...F#").replace("User", "TaskConnection"),
        "fragments",
        1_001,
    ),
    "2,000 directives": ("{ me { id " + "@a " * 2_000 + "} }", "tokens", 2_001),
    "900 directives": ("{ me { id " + "@a " * 900 + "} }", "directives", 900),
    "directives of everything": (
        "query ($a: Int @a) @a { me @a { ...F @a ... @a { id @a } } } fragment F on User @a { id }",
        "directives",
        7,
    ),
    "depth 1,000": ("{ a " * 1_000 + "}" * 1_000, "nesting", 201),
    "depth 150": ("{ a " * 150 + "}" * 150, "depth", 150),
    "lists of lists": ("{ task(id: " + "[" * 900 + "]" * 900 + ") { id } }", "nesting", 201),
    "filters of filters": (
        "{ tasks(filter: " + "{and: [" * 150 + "]}" * 150 + ") { totalCount } }",
        "nesting",
        201,
    ),
    "inline fragments that are nested by fragments": (
        chain(70, "...{...{...{...{ ...F# }}}}"),
        "nesting",
        201,
    ),
    "root fields": ("{ " + "__typename " * 101 + "}", "rootFields", 101),
    "root fields of operations": (many(101, "query Q# { me { id } }"), "rootFields", 101),
    "root fields of a fragment": (
        "{ ...A ...A } fragment A on Query { " + many(51, "a#: __typename") + " }",
        "rootFields",
        102,
    ),
    "fragments": (chain(80), "fragments", 81),
    "2^60 by fragments": (doubling(60), "fields", 3 * 2**60 + 1),
    "2^60 by a fragment of that name": (doubling(60, "__schema"), "fields", 3 * 2**60 + 1),
    "2^60 by fragments without a spread": (
        doubling(60).replace("{ me { ...F0 } }", "{ me { id } }"),
        "fields",
        3 * 2**60 + 2,
    ),
    "pages of pages": (
        (
            "{ me { tasks(first: 100) { nodes { user { tasks(first: 100) "
            "{ nodes { id title } } } } } } }"
        ),
        "cost",
        30_403,
    ),
    "tags of pages": (
        "{ tasks(first: 10) { nodes { user { tags { tag open total } } } } }",
        "cost",
        31_122,
    ),
}


def refusal_of(document: str, limits: Limits = LIMITS) -> dict[str, object]:
    """Return the extensions of the only error."""
    (error,) = new_documents(limits).prepare(document).errors
    assert error.locations is None
    return {**(error.extensions or {}), "message": error.message}


@pytest.mark.parametrize(("document", "limit", "value"), TOO_COMPLEX.values(), ids=TOO_COMPLEX)
def test_document_over_a_limit_is_rejected(document: str, limit: str, value: int) -> None:
    few = replace(LIMITS, directives=6) if limit == "directives" and value < 10 else LIMITS
    refusal = refusal_of(document, few)
    assert (refusal["code"], refusal["status"]) == ("QUERY_TOO_COMPLEX", 400)
    assert (refusal["limitName"], refusal["value"]) == (limit, min(value, MAX_SAFE_INTEGER))
    assert refusal["limit"] < min(value, MAX_SAFE_INTEGER)  # type: ignore[operator]


def test_too_complex_error_names_the_limit(alice: Person) -> None:
    document, *_ = TOO_COMPLEX["root fields"]
    assert alice.refusal(document) == {
        "code": "QUERY_TOO_COMPLEX",
        "status": 400,
        "limit": LIMITS.root_fields,
        "limitName": "rootFields",
        "value": 101,
        "message": "The document is too complex: the limit for its root fields is 100.",
    }


def test_reported_value_is_a_safe_integer(alice: Person) -> None:
    document, *_ = TOO_COMPLEX["2^60 by fragments"]
    assert alice.refusal(document)["value"] == MAX_SAFE_INTEGER


ALL_OF_IT = {
    "descriptions": True,
    "specified_by_url": True,
    "directive_is_repeatable": True,
    "schema_description": True,
    "input_value_deprecation": True,
    "one_of": True,
}
TYPICAL_DOCUMENTS = {
    "introspection": get_introspection_query(),
    "a code generator's introspection": get_introspection_query(**ALL_OF_IT),
    "a code generator's deepest introspection": get_introspection_query(**ALL_OF_IT, type_depth=13),
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
    "a fragment for each of 30 components": "{ tasks { nodes { __typename id %s } } } %s"
    % (many(30, "...C#"), many(30, "fragment C# on Task { __typename id title tags revision }")),
    "50 changes at once": "mutation { %s }"
    % many(50, 'a#: completeTask(id: "#") { task { __typename id } }'),
    "fragments": "{ me { ...A } tasks { nodes { ...B } } } "
    "fragment A on User { id email } fragment B on Task { id user { ...A } }",
}


@pytest.mark.parametrize("document", TYPICAL_DOCUMENTS.values(), ids=TYPICAL_DOCUMENTS)
def test_typical_documents_pass(document: str) -> None:
    assert new_documents().prepare(document).errors == []


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
    "a field of an input": "{ ...on TaskFilter { id } }",
    "a field of an input, in a fragment": "{ me { id } } fragment F on CreateTaskInput { title }",
    "a page of a wrong size": '{ tasks(first: "1") { totalCount } }',
    "an enormous number": "{ tasks(first: " + "9" * 5_000 + ") { totalCount } }",
}


@pytest.mark.parametrize("document", INVALID.values(), ids=INVALID)
def test_invalid_documents_are_rejected_by_validation(document: str) -> None:
    errors = new_documents().prepare(document).errors
    codes = {error.extensions["code"] for error in errors if error.extensions}
    assert codes == {"GRAPHQL_VALIDATION_FAILED"}


def test_unparsable_number_is_reported_without_details_of_python() -> None:
    (error,) = new_documents().prepare(INVALID["an enormous number"]).errors
    assert error.message == "The document contains a value that cannot be parsed."


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
def test_documents_within_the_limits_pass(document: str) -> None:
    assert new_documents().prepare(document).errors == []
