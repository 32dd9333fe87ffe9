"""Errors without introspection name nothing of the schema that the request does not name."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
    is_enum_type,
)

from tests.support.differential import Home
from tests.support.documents import new_schema, root_fields
from todo_graphql.api.documents.hidden_names import hide_names
from todo_graphql.errors import Problem
from todo_graphql.settings.environment_variables import ExecutorName
from todo_graphql.store.postgres.engine import Database

SCHEMA = new_schema(introspection=False)
TYPES = SCHEMA.graphql_schema

WORD = re.compile(r"[A-Za-z_]\w*")

ENGLISH = frozenset({"and", "field", "in", "not", "or"})
"""Names of the schema that messages contain as words."""

LITERALS = ("1", "1.5", '"x"', "true", "null", "NOTHING", "[]", "{}", "[[1]]", "{zzz: 1}", "$zzz")
VALUES: Sequence[Any] = (1, 1.5, "x", True, None, [], {}, [[None]], {"zzz": 1}, [{"zzz": 1}])


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


def leaf(kind: GraphQLNamedType) -> str:
    return " { __typename }" if is_composite_type(kind) else ""


def literal_at(path: Sequence[str], literal: str) -> str:
    """Return the literal of an input with a value at a path of fields."""
    return f"{{{path[0]}: {literal_at(path[1:], literal)}}}" if path else literal


def value_at(path: Sequence[str], value: Any) -> Any:
    """Return the value of an input with a value at a path of fields."""
    return {path[0]: value_at(path[1:], value)} if path else value


def input_paths(kind: Any, entered: set[str]) -> Iterator[tuple[str, ...]]:
    """Yield the paths of fields in a type of inputs. Each input type is entered once."""
    yield ()
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType) and named.name not in entered:
        entered.add(named.name)
        for name, field in named.fields.items():
            for path in input_paths(field.type, entered):
                yield (name, *path)


def calls() -> Iterator[str]:
    """Yield selections of root fields with missing and with invalid arguments."""
    entered = set[str]()
    for operation, name, field in root_fields(TYPES):
        end = leaf(get_named_type(field.type))
        yield f"{operation} {{ {name}{end} }}"
        yield f"{operation} {{ {name} }}"
        yield f"{operation} {{ {name}(zzz: 1){end} }}"
        yield f"{operation} {{ a: {name} {{ }} }}"
        for argument, definition in field.args.items():
            for path in input_paths(definition.type, entered):
                for literal in LITERALS:
                    value = literal_at(path, literal)
                    variable = "($zzz: Boolean)" if "$" in literal else ""
                    yield f"{operation} Q{variable} {{ {name}({argument}: {value}){end} }}"


def paths_to_types() -> Iterator[tuple[str, str, GraphQLObjectType | GraphQLInterfaceType]]:
    """Yield for each object type an operation that reaches it, as the text before and after."""
    reached = set[str]()
    pending: list[tuple[str, str, Any, int]] = []
    for operation, name, field in root_fields(TYPES):
        pending.append((f"{operation} {{ {name}", " }", field, 0))
    while pending:
        before, after, field, depth = pending.pop(0)
        kind = get_named_type(field.type)
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) or kind.name in reached:
            continue
        reached.add(kind.name)
        yield before, after, kind
        for name, inner in kind.fields.items():
            pending.append((f"{before} {{ {name}", f" }}{after}", inner, depth + 1))


def selections() -> Iterator[str]:
    """Yield invalid selections on each object type, which the document does not name."""
    for before, after, kind in paths_to_types():
        for inside in (
            "zzz",
            "... on Query { __typename }",
            "... on User { zzz }",
            "...F",
            "__typename { zzz }",
            "__typename @skip",
            "__typename @include(iff: true)",
            "__typename @zzz",
            "... @defer { __typename }",
            "__typename @stream",
        ):
            tail = " fragment F on Mutation { __typename }" if inside == "...F" else ""
            yield f"{before} {{ {inside} }}{after}{tail}"
        for name, field in kind.fields.items():
            yield f"{before} {{ {name}(zzz: 1){leaf(get_named_type(field.type))} }}{after}"
            yield f"{before} {{ {name} {{ zzz }} }}{after}"
            yield f"{before} {{ {name} }}{after}"
            yield f"{before} {{ same: {name} same: __typename }}{after}"
            for argument in field.args:
                for literal in LITERALS[:-1]:
                    end = leaf(get_named_type(field.type))
                    yield f"{before} {{ {name}({argument}: {literal}){end} }}{after}"


def variables() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield operations with a variable of the right type and invalid values."""
    entered = set[str]()
    for operation, name, field in root_fields(TYPES):
        end = leaf(get_named_type(field.type))
        for argument, definition in field.args.items():
            document = f"{operation} ($v: {definition.type}) {{ {name}({argument}: $v){end} }}"
            yield document, {}
            for path in input_paths(definition.type, entered):
                yield from ((document, {"v": value_at(path, value)}) for value in VALUES)


DOCUMENTS = tuple(dict.fromkeys([*calls(), *selections()]))


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
    for document, given in variables():
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
