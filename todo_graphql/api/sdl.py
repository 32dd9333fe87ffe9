"""The schema in the schema definition language (SDL), and its breaking changes."""

from enum import Enum

from graphql import (
    GraphQLEnumType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    lexicographic_sort_schema,
    print_schema,
)

from todo_graphql.api.default_values import arguments_and_input_fields
from todo_graphql.api.documents.limits import Limits
from todo_graphql.api.schema import Schema
from todo_graphql.settings.settings import Settings


def sdl() -> str:
    """Return the SDL, sorted so that equal schemas have equal text.

    Enum values keep their order, which has a meaning.
    """
    return print_schema(_bare_schema()) + "\n"


def breaking_changes(since: str) -> list[str]:
    """Return the changes since an earlier schema, given as SDL, that can break its clients."""
    changes = find_breaking_changes(build_schema(since), _bare_schema())
    return [change.description for change in changes]


def _bare_schema() -> GraphQLSchema:
    limits = Limits.from_settings(Settings.model_construct())
    schema = Schema(limits, introspection=False).graphql_schema
    for value in arguments_and_input_fields(schema):
        # Sorted enums know only the values of their members.
        if isinstance(value.default_value, Enum):
            value.default_value = value.default_value.value
    ordered = lexicographic_sort_schema(schema)
    for kind in schema.type_map.values():
        sorted_kind = ordered.type_map[kind.name]
        if isinstance(kind, GraphQLEnumType) and isinstance(sorted_kind, GraphQLEnumType):
            sorted_kind.values = {name: sorted_kind.values[name] for name in kind.values}
    return ordered
