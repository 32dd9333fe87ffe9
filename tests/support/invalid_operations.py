"""Invalid operations, generated from the schema: literals, selections and values of variables."""

from collections.abc import Iterator, Sequence
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
)

from tests.support.documents import root_fields

LITERALS = ("1", "1.5", '"x"', "true", "null", "NOTHING", "[]", "{}", "[[1]]", "{zzz: 1}", "$zzz")
VALUES: Sequence[Any] = (1, 1.5, "x", True, None, [], {}, [[None]], {"zzz": 1}, [{"zzz": 1}])


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


def iter_calls(types: GraphQLSchema) -> Iterator[str]:
    """Yield selections of root fields with missing and with invalid arguments."""
    entered = set[str]()
    for operation, name, field in root_fields(types):
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


def paths_to_types(
    types: GraphQLSchema,
) -> Iterator[tuple[str, str, GraphQLObjectType | GraphQLInterfaceType]]:
    """Yield for each object type an operation that reaches it, as the text before and after."""
    reached = set[str]()
    pending: list[tuple[str, str, Any, int]] = []
    for operation, name, field in root_fields(types):
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


def iter_selections(types: GraphQLSchema) -> Iterator[str]:
    """Yield invalid selections on each object type, which the document does not name."""
    for before, after, kind in paths_to_types(types):
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


def iter_variables(types: GraphQLSchema) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield operations with a variable of the right type and invalid values."""
    entered = set[str]()
    for operation, name, field in root_fields(types):
        end = leaf(get_named_type(field.type))
        for argument, definition in field.args.items():
            document = f"{operation} ($v: {definition.type}) {{ {name}({argument}: $v){end} }}"
            yield document, {}
            for path in input_paths(definition.type, entered):
                yield from ((document, {"v": value_at(path, value)}) for value in VALUES)
