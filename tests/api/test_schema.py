"""The contract."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLNamedType,
    is_non_null_type,
    is_specified_scalar_type,
)

from tests.support.isolation import SCHEMA
from tests.support.paths import ROOT
from todo_graphql.api.sdl import breaking_changes, sdl
from todo_graphql.errors import ErrorCode

SNAPSHOT = ROOT / "schema.graphql"
GRAPHQL = SCHEMA.graphql_schema


def test_schema_graphql_is_this_schema() -> None:
    """If it is meant to differ: `make schema.graphql`."""
    assert SNAPSHOT.read_text(encoding="utf-8") == sdl()


def test_nothing_breaks_the_clients_of_schema_graphql() -> None:
    assert breaking_changes(SNAPSHOT.read_text(encoding="utf-8")) == []


def test_breaking_changes_are_found() -> None:
    earlier = sdl().replace(
        "type Task implements Node {", "type Task implements Node {\n  gone: Int\n"
    )
    assert breaking_changes(earlier) == ["Field Task.gone was removed."]


def described() -> Iterator[tuple[str, str | None]]:
    """Everything that has a place for a description, with what it has there."""
    for name, kind in GRAPHQL.type_map.items():
        if not name.startswith("__") and not is_specified_scalar_type(kind):
            yield name, kind.description
            for member, definition in members(kind):
                yield f"{name}.{member}", definition.description


def members(kind: GraphQLNamedType) -> Iterator[tuple[str, Any]]:
    """The values of an enum; the fields of anything else, each followed by its arguments."""
    if isinstance(kind, GraphQLEnumType):
        yield from kind.values.items()
    for name, field in getattr(kind, "fields", {}).items():
        yield name, field
        for argument, definition in getattr(field, "args", {}).items():
            yield f"{name}({argument})", definition


def test_everything_is_described() -> None:
    assert [name for name, description in described() if not description] == []


def test_the_error_codes_are_in_the_contract() -> None:
    codes = GRAPHQL.type_map["ErrorCode"]
    assert isinstance(codes, GraphQLEnumType)
    assert {name: value.description for name, value in codes.values.items()} == {
        code.name: code.meaning for code in ErrorCode
    }


def test_mutations_answer_a_payload_of_their_own_that_may_be_null() -> None:
    assert GRAPHQL.mutation_type is not None
    for name, field in GRAPHQL.mutation_type.fields.items():
        assert str(field.type) == f"{name[0].upper()}{name[1:]}Payload"
        assert not is_non_null_type(field.type)
