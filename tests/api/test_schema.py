"""The schema and its snapshot in `schema.graphql`."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLNamedType,
    build_schema,
    introspection_from_schema,
    is_non_null_type,
    is_specified_scalar_type,
)

from tests.support.isolation import SCHEMA
from tests.support.paths import ROOT
from todo_graphql.api.enums import TaskOrderField, TaskPriority
from todo_graphql.api.sdl import breaking_changes, sdl
from todo_graphql.errors import ErrorCode

SNAPSHOT = ROOT / "schema.graphql"
GRAPHQL = SCHEMA.graphql_schema


def test_schema_graphql_is_up_to_date() -> None:
    """Run `make schema.graphql` after an intended change."""
    assert SNAPSHOT.read_text(encoding="utf-8") == sdl()


def test_schema_has_no_breaking_changes() -> None:
    assert breaking_changes(SNAPSHOT.read_text(encoding="utf-8")) == []


def test_breaking_changes_are_found() -> None:
    earlier = sdl().replace(
        "type Task implements Node {", "type Task implements Node {\n  gone: Int\n"
    )
    assert breaking_changes(earlier) == ["Field Task.gone was removed."]


PRIORITIES = ["NONE", "LOW", "MEDIUM", "HIGH", "URGENT"]
DECLARED = {
    "TaskPriority": [member.name for member in TaskPriority],
    "TaskOrderField": [member.name for member in TaskOrderField],
    "SortDirection": ["ASC", "DESC"],
    "NullsOrder": ["FIRST", "LAST"],
    "ErrorCode": [code.name for code in ErrorCode],
}


def test_enum_values_keep_the_order_of_their_meaning() -> None:
    """Cover the printed schema and the introspection."""
    printed = build_schema(SNAPSHOT.read_text(encoding="utf-8"))
    introspected: Any = introspection_from_schema(GRAPHQL)["__schema"]["types"]
    named = {kind["name"]: kind["enumValues"] for kind in introspected}
    enums = {
        name: kind
        for name, kind in printed.type_map.items()
        if isinstance(kind, GraphQLEnumType) and not name.startswith("__")
    }
    assert DECLARED["TaskPriority"] == PRIORITIES
    assert set(DECLARED) <= set(enums)
    for name, kind in enums.items():
        declared = DECLARED.get(name, [value["name"] for value in named[name]])
        assert list(kind.values) == declared
        assert [value["name"] for value in named[name]] == declared


def iter_descriptions() -> Iterator[tuple[str, str | None]]:
    """Yield the name and the description of each definition."""
    for name, kind in GRAPHQL.type_map.items():
        if not name.startswith("__") and not is_specified_scalar_type(kind):
            yield name, kind.description
            for member, definition in iter_members(kind):
                yield f"{name}.{member}", definition.description


def iter_members(kind: GraphQLNamedType) -> Iterator[tuple[str, Any]]:
    """Yield the values of an enum, or the fields of a type with their arguments."""
    if isinstance(kind, GraphQLEnumType):
        yield from kind.values.items()
    for name, field in getattr(kind, "fields", {}).items():
        yield name, field
        for argument, definition in getattr(field, "args", {}).items():
            yield f"{name}({argument})", definition


def test_every_definition_has_a_description() -> None:
    assert [name for name, description in iter_descriptions() if not description] == []


def test_error_codes_are_in_the_schema() -> None:
    codes = GRAPHQL.type_map["ErrorCode"]
    assert isinstance(codes, GraphQLEnumType)
    assert {name: value.description for name, value in codes.values.items()} == {
        code.name: code.meaning for code in ErrorCode
    }


def test_mutations_return_their_own_nullable_payload() -> None:
    assert GRAPHQL.mutation_type is not None
    for name, field in GRAPHQL.mutation_type.fields.items():
        assert str(field.type) == f"{name[0].upper()}{name[1:]}Payload"
        assert not is_non_null_type(field.type)
