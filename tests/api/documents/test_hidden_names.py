"""Errors without introspection name nothing of the schema that the request does not name."""

import json
import re
from collections.abc import Iterator

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    is_enum_type,
)

from tests.support.differential import Home
from tests.support.documents import new_schema
from tests.support.invalid_operations import iter_calls, iter_selections, iter_variables
from todo_graphql.api.documents.hidden_names import hide_names
from todo_graphql.errors import Problem
from todo_graphql.settings.environment_variables import ExecutorName
from todo_graphql.store.postgres.engine import Database

SCHEMA = new_schema(introspection=False)
TYPES = SCHEMA.graphql_schema

WORD = re.compile(r"[A-Za-z_]\w*")

ENGLISH = frozenset({"and", "field", "from", "in", "not", "or", "position", "to"})
"""Names of the schema that messages contain as words."""


def names_of(kind: GraphQLNamedType) -> Iterator[str]:
    """Yield the name of a type, and of its fields, arguments and values."""
    yield kind.name
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        yield from kind.fields
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        for field in kind.fields.values():
            yield from field.args
    if is_enum_type(kind):
        yield from kind.values


NAMES = frozenset(
    name
    for kind in TYPES.type_map.values()
    if not kind.name.startswith("__")
    for name in names_of(kind)
)


def leaked(message: str, request: str) -> set[str]:
    """Return the names of the schema in a message that the request does not contain."""
    words = set(WORD.findall(message))
    return (words & NAMES) - set(WORD.findall(request)) - ENGLISH


DOCUMENTS = tuple(dict.fromkeys([*iter_calls(TYPES), *iter_selections(TYPES)]))


@pytest.mark.no_cover
def test_validation_error_names_nothing_that_the_document_does_not_name() -> None:
    leaks, rejected = {}, 0
    for document in DOCUMENTS:
        errors = SCHEMA.documents.prepare(document).errors
        rejected += bool(errors)
        for error in errors:
            if names := leaked(error.message, document):
                leaks[error.message] = names
    assert leaks == {}
    assert rejected > 1_000


@pytest.fixture
def home(database: Database) -> Home:
    return Home(database)


@pytest.mark.parametrize("executor", ["projection", "reference"])
def test_error_of_variable_names_nothing_that_the_request_does_not_name(
    home: Home, executor: ExecutorName
) -> None:
    schema = new_schema(introspection=False, executor=executor)
    leaks, rejected = {}, 0
    for document, given in iter_variables(TYPES):
        for error in home.ask(schema, document, **given).errors or ():
            if isinstance(error.original_error, Problem):
                continue
            rejected += 1
            told = f"{error.message} {(error.extensions or {}).get('field')}"
            if names := leaked(told, document + json.dumps(given)):
                leaks[error.message] = names
    assert leaks == {}
    assert rejected > 500


EXAMPLES = {
    "Argument 'M.createTask(input:)' of type 'I!' is required, but it was not provided.": (
        "A required argument of 'createTask' is missing."
    ),
    "Field 'task' of type 'T' must have a selection of subfields. Did you mean 'task { ... }'?": (
        "Field 'task' must have a selection of subfields."
    ),
    "Value 'DU' does not exist in 'E' enum.": "Value 'DU' does not exist.",
    "Expected value of type 'I!' to include required field 't', found: { a: 1 }.": (
        "A required field is missing, found: { a: 1 }."
    ),
    "Fields 'a' conflict because they return conflicting types 'Int!' and '[T!]'.": (
        "Fields 'a' conflict because they return different types."
    ),
    "A value: they return conflicting types 'a' and 'b'.": (
        "A value: they return conflicting types 'a' and 'b'."
    ),
}


@pytest.mark.parametrize(("message", "hidden"), EXAMPLES.items())
def test_message_still_names_what_the_request_names(message: str, hidden: str) -> None:
    assert hide_names(message) == hidden
