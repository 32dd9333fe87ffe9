"""Calls of mutations with filters, generated from the schema: each field of a filter in turn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    GraphQLInputObjectType,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
)

from tests.support.documents import root_fields
from tests.support.isolation import SCHEMA
from todo_graphql.api.documents import value_rules

GRAPHQL = SCHEMA.graphql_schema
MUTATIONS = {name: field for kind, name, field in root_fields(GRAPHQL) if kind == "mutation"}
FILTERS = [
    (name, argument)
    for name, field in MUTATIONS.items()
    for argument, definition in field.args.items()
    if isinstance(kind := get_named_type(definition.type), GraphQLInputObjectType)
    and kind.name not in value_rules.CONTENT
]
"""The mutations with a filter, and its argument."""

Nest = Callable[[Any], Any]
NESTS: Mapping[str, Nest] = {
    "": lambda inner: inner,
    "and.0": lambda inner: {"and": [inner]},
    "or.1": lambda inner: {"or": [{"completed": True}, inner]},
    "not.and.0": lambda inner: {"not": {"and": [inner]}},
}
"""Places of a condition in a filter."""

VALUES: Mapping[str, Any] = {
    "ID": "11111111-1111-4111-8111-111111111111",
    "String": "x",
    "Boolean": False,
    "TaskPriority": "LOW",
    "Date": "2026-01-31",
    "DateTime": "2026-01-31T09:30:00Z",
}


class Member(NamedTuple):
    """Field of a filter or of a comparator."""

    path: tuple[str, ...]
    kind: Any

    @property
    def is_nullable(self) -> bool:
        return not is_non_null_type(self.kind)

    @property
    def is_list(self) -> bool:
        return is_list_type(self.kind)

    @property
    def is_input(self) -> bool:
        return isinstance(get_named_type(self.kind), GraphQLInputObjectType)

    @property
    def variable(self) -> str:
        """Return the type of a variable that may be omitted."""
        return str(self.kind).removesuffix("!")

    @property
    def value(self) -> Any:
        return "Europe/Berlin" if self.path[-1] == "timeZone" else value_of(self.kind)

    def filter_with(self, value: Any) -> Any:
        """Return the filter in which the member has a value. A setting is beside a condition."""
        *above, name = self.path
        inner: Any = {name: value}
        if name in value_rules.SETTINGS:
            inner |= {"null": False} if above else {"completed": True}
        for outer in reversed(above):
            inner = {outer: inner}
        return inner


def value_of(kind: Any) -> Any:
    """Return a value of a type; of an input type, one with its first field."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        name, field = next(iter(named.fields.items()))
        value: Any = {name: value_of(field.type)}
    else:
        value = VALUES[named.name]
    return [value] if "[" in str(kind) else value


def members_of(name: str, argument: str, nest: str = "") -> list[Member]:
    """Return the fields of a filter at a place. Only the root has those of a condition and more."""
    root = get_named_type(MUTATIONS[name].args[argument].type)
    assert isinstance(root, GraphQLInputObjectType)
    condition = get_named_type(root.fields["and"].type)
    return list(_members(condition if nest else root))


def _members(kind: Any, above: tuple[str, ...] = ()) -> Iterator[Member]:
    for name, field in kind.fields.items():
        yield Member((*above, name), field.type)
        named = get_named_type(field.type)
        if isinstance(named, GraphQLInputObjectType) and "and" not in named.fields:
            yield from _members(named, (*above, name))


def literal(value: Any) -> str:
    """Return a JSON value as a literal. A text that begins with `$` is a variable."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, str):
        return value if value.startswith("$") else f'"{value}"'
    return {None: "null", True: "true", False: "false"}[value]


def call(name: str, argument: str, value: str) -> str:
    """Return a call of a mutation with a value of one argument, and its required ones."""
    field = MUTATIONS[name]
    required = {
        key: literal(value_of(definition.type))
        for key, definition in field.args.items()
        if is_required_argument(definition)
    }
    arguments = ", ".join(f"{key}: {text}" for key, text in {**required, argument: value}.items())
    return f"{name}({arguments}) {{ __typename }}"


def document_of_calls(
    name: str, argument: str, filters: Sequence[Any], kinds: Mapping[str, str]
) -> str:
    """Return a document that calls the mutation with each filter, as `c0`, `c1` and so on."""
    declared = ", ".join(f"${variable}: {kind}" for variable, kind in kinds.items())
    calls = [
        f"c{number}: {call(name, argument, literal(one))}" for number, one in enumerate(filters)
    ]
    return f"mutation {f'({declared})' if kinds else ''} {{ {' '.join(calls)} }}"
