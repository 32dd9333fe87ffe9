"""Documents generated from the schema, each root field with all that it can be asked for, and
what documents may have.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_non_null_type,
)

from todo_graphql.api.limits import Limits
from todo_graphql.config import Settings

MAX_DEPTH = 4
LIMITS = Limits.of(Settings.model_construct())
"""The defaults."""


def root_fields(schema: GraphQLSchema) -> Iterator[tuple[str, str, GraphQLField]]:
    """Operation, name and definition of every query and mutation."""
    for operation, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            yield operation, name, field


def document_of(
    schema: GraphQLSchema, operation: str, name: str, arguments: Mapping[str, GraphQLInputType]
) -> str:
    """The field with these arguments as variables, and with everything below it selected."""
    root = schema.query_type if operation == "query" else schema.mutation_type
    assert root is not None
    declared = ", ".join(f"${argument}: {kind}" for argument, kind in arguments.items())
    passed = ", ".join(f"{argument}: ${argument}" for argument in arguments)
    head = f"{operation} ({declared})" if arguments else operation
    call = f"{name}({passed})" if arguments else name
    return f"{head} {{ {call} {selection(schema, root.fields[name].type)} }}"


def selection(schema: GraphQLSchema, kind: Any, depth: int = 0) -> str:
    """Everything that needs no argument, down to a depth."""
    named = get_named_type(kind)
    if is_leaf_type(named):
        return ""
    if isinstance(named, GraphQLInterfaceType):
        parts = [
            f"... on {possible.name} {selection(schema, possible, depth)}"
            for possible in schema.get_possible_types(named)
        ]
    else:
        parts = list(object_fields(schema, named, depth))
    return f"{{ __typename {' '.join(parts)} }}"


def object_fields(schema: GraphQLSchema, named: GraphQLNamedType, depth: int) -> Iterator[str]:
    assert isinstance(named, GraphQLObjectType)
    for name, field in named.fields.items():
        if any(is_non_null_type(argument.type) for argument in field.args.values()):
            continue
        if depth < MAX_DEPTH or is_leaf_type(get_named_type(field.type)):
            yield f"{name} {selection(schema, field.type, depth + 1)}".strip()
