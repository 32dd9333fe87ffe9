"""The schema as text in the schema definition language (SDL), and its comparison."""

from enum import Enum

from graphql import (
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    lexicographic_sort_schema,
    print_schema,
)

from todo_graphql.api.documents.limits import Limits
from todo_graphql.api.schema import Schema, arguments_and_input_fields
from todo_graphql.settings.settings import Settings


def sdl() -> str:
    """The contract: sorted, so that the same schema is always the same text."""
    return print_schema(_bare_schema()) + "\n"


def breaking_changes(since: str) -> list[str]:
    """What a client of an earlier contract may break on. The earlier one is given as SDL."""
    changes = find_breaking_changes(build_schema(since), _bare_schema())
    return [change.description for change in changes]


def _bare_schema() -> GraphQLSchema:
    limits = Limits.from_settings(Settings.model_construct())
    schema = Schema(limits, introspection=False).graphql_schema
    for value in arguments_and_input_fields(schema):
        # Sorting makes enums anew, which know the values of their members only.
        if isinstance(value.default_value, Enum):
            value.default_value = value.default_value.value
    return lexicographic_sort_schema(schema)
