"""Documents generated from the schema, the default document limits, and empty schemas.

There is one document per root field. The empty schemas have no documents.
"""

from collections.abc import Iterator, Mapping
from copy import copy
from functools import cache
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

from todo_graphql.api.documents.cache import DocumentCache
from todo_graphql.api.documents.limits import Limits
from todo_graphql.api.schema import Schema
from todo_graphql.settings.environment_variables import ExecutorName
from todo_graphql.settings.settings import Settings

MAX_DEPTH = 4
LIMITS = Limits.from_settings(Settings.model_construct())


def new_documents(limits: Limits = LIMITS, *, introspection: bool = True) -> DocumentCache:
    """Return an empty document cache."""
    types = converted_schema().graphql_schema
    return DocumentCache(types, limits, introspection=introspection)


def new_schema(
    *,
    introspection: bool = True,
    executor: ExecutorName = "projection",
    expose_cost: bool = False,
) -> Schema:
    """Return a schema with an empty document cache."""
    schema = copy(
        converted_schema(introspection=introspection, executor=executor, expose_cost=expose_cost)
    )
    schema.documents = new_documents(introspection=introspection)
    return schema


@cache
def converted_schema(
    *,
    introspection: bool = True,
    executor: ExecutorName = "projection",
    expose_cost: bool = False,
) -> Schema:
    """Return a schema that tests share. Strawberry converts its types in a tenth of a second."""
    return Schema(LIMITS, introspection=introspection, executor=executor, expose_cost=expose_cost)


def root_fields(schema: GraphQLSchema) -> Iterator[tuple[str, str, GraphQLField]]:
    """Yield operation, name and definition of every query and mutation."""
    for operation, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            yield operation, name, field


def document_of(
    schema: GraphQLSchema,
    operation: str,
    name: str,
    arguments: Mapping[str, GraphQLInputType],
    depth: int = MAX_DEPTH,
) -> str:
    """Return a document that passes these arguments as variables and selects down to a depth."""
    root = schema.query_type if operation == "query" else schema.mutation_type
    assert root is not None
    declared = ", ".join(f"${argument}: {kind}" for argument, kind in arguments.items())
    passed = ", ".join(f"{argument}: ${argument}" for argument in arguments)
    head = f"{operation} ({declared})" if arguments else operation
    call = f"{name}({passed})" if arguments else name
    return f"{head} {{ {call} {selection(schema, root.fields[name].type, depth)} }}"


def selection(schema: GraphQLSchema, kind: Any, depth: int = MAX_DEPTH) -> str:
    """Return the selection of all fields without required arguments, down to a depth."""
    named = get_named_type(kind)
    if is_leaf_type(named):
        return ""
    if isinstance(named, GraphQLInterfaceType):
        parts = [
            f"... on {possible.name} {{ {' '.join(fields_of(schema, possible, depth))} }}"
            for possible in schema.get_possible_types(named)
        ]
    else:
        parts = list(object_fields(schema, named, depth))
    return f"{{ __typename {' '.join(parts)} }}"


def fields_of(schema: GraphQLSchema, possible: GraphQLNamedType, depth: int) -> Iterator[str]:
    """Yield the fields with aliases: fields of one name may differ in their types."""
    for number, field in enumerate(object_fields(schema, possible, depth)):
        yield f"{possible.name.lower()}_{number}: {field}"


def object_fields(schema: GraphQLSchema, named: GraphQLNamedType, depth: int) -> Iterator[str]:
    assert isinstance(named, GraphQLObjectType)
    for name, field in named.fields.items():
        if any(is_non_null_type(argument.type) for argument in field.args.values()):
            continue
        if depth > 0 or is_leaf_type(get_named_type(field.type)):
            yield f"{name} {selection(schema, field.type, depth - 1)}".strip()
