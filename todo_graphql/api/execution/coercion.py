"""Coercion of inputs, compiled: from literals and variables straight to what resolvers take.

graphql-core coerces values to plain ones, and Strawberry converts those to its inputs, each
time by walking along the types. Here the types are walked once. What is not plainly right is
not complained about: it steps aside, or fails in any other way, and graphql-core finds the
words.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias, cast

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_required_input_field,
    type_from_ast,
)
from graphql.utilities.coerce_input_value import coerce_input_literal
from strawberry import Some
from strawberry.types.base import StrawberryMaybe, StrawberryOptional

DEFINITION = "strawberry-definition"
"""Where Strawberry keeps what it made a type, a field or an argument of."""

MAX_DEPTH = 50
"""Inputs that are nested deeper are graphql-core's, which refuses the deepest ones."""

Values: TypeAlias = Mapping[str, Any]
"""Those of an operation's variables that have one, by their names."""

Coerce: TypeAlias = Callable[[Any, int], Any]
"""From JSON at some depth to what a resolver takes."""

Bind: TypeAlias = Callable[[Values], Any]
"""From variables to what a resolver takes. A variable without a value is Undefined."""


class Unsupported(Exception):  # noqa: N818 - somebody else's turn
    """This is for graphql-core to answer."""


class CompiledArgument:
    """An argument of a field, or a field of an input."""

    def __init__(self, definition: GraphQLArgument | GraphQLInputField) -> None:
        origin = definition.extensions[DEFINITION]
        self.type = definition.type
        self.python_name: str = origin.python_name
        self._is_maybe = isinstance(origin.type, StrawberryMaybe)
        if self._is_maybe and not isinstance(origin.type.of_type, StrawberryOptional):
            raise Unsupported  # null would be an error of its own

    def wrap(self, value: Any) -> Any:
        """The value, told apart from none where null is one."""
        return Some(value) if self._is_maybe else value


class CompiledInput:
    """An input type: what makes its instances. Defaults are left to its class, of which the
    schema has them.
    """

    def __init__(self, kind: GraphQLInputObjectType) -> None:
        self._make = kind.extensions[DEFINITION].origin
        self.members = {name: CompiledArgument(field) for name, field in kind.fields.items()}
        self._readers = {name: reader(field.type) for name, field in kind.fields.items()}
        self._required = {
            name for name in kind.fields if is_required_input_field(kind.fields[name])
        }

    def read(self, value: Any, depth: int) -> Any:
        """The instance that JSON describes."""
        if value.__class__ is not dict or depth > MAX_DEPTH:
            raise Unsupported
        readers = self._readers
        return self.make({name: readers[name](inner, depth + 1) for name, inner in value.items()})

    def make(self, given: Mapping[str, Any]) -> Any:
        """The instance with these values, by the schema's names."""
        if not self._required <= given.keys():
            raise Unsupported
        values = {}
        for name, value in given.items():
            member = self.members[name]
            values[member.python_name] = member.wrap(value)
        return self._make(**values)


@lru_cache
def input_of(kind: GraphQLInputObjectType) -> CompiledInput:
    """An input type, walked along when there is a value of it: it may contain itself."""
    return CompiledInput(kind)


def reader(kind: GraphQLInputType) -> Coerce:
    """What reads JSON as a value of this type."""
    inner = _reader(kind.of_type if isinstance(kind, GraphQLNonNull) else kind)

    def read(value: Any, depth: int) -> Any:
        if value is not None:
            return inner(value, depth)
        if isinstance(kind, GraphQLNonNull):
            raise Unsupported
        return None

    return read


def _reader(kind: GraphQLInputType) -> Coerce:
    if isinstance(kind, GraphQLList):
        item = reader(kind.of_type)
        # What is no list is a list of one.
        return lambda value, depth: [
            item(inner, depth) for inner in (value if value.__class__ is list else [value])
        ]
    if isinstance(kind, GraphQLInputObjectType):
        return lambda value, depth: input_of(kind).read(value, depth)
    assert isinstance(kind, GraphQLScalarType | GraphQLEnumType)
    coerce = kind.coerce_input_value
    return lambda value, _depth: coerce(value)


def evaluator(node: ValueNode, kind: GraphQLInputType) -> Bind:
    """What makes a value of this type of a literal or a variable."""
    inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if isinstance(node, VariableNode):
        return _variable(node.name.value, is_required=inner is not kind)
    if isinstance(inner, GraphQLList) and not isinstance(node, NullValueNode):
        return _list(node, inner.of_type)
    if isinstance(inner, GraphQLInputObjectType) and isinstance(node, ObjectValueNode):
        return _object(node, input_of(inner))
    value = coerce_input_literal(node, kind)
    if value is Undefined:
        raise Unsupported
    return lambda _values: value


def _variable(name: str, *, is_required: bool) -> Bind:
    def evaluate(values: Values) -> Any:
        if is_required and values.get(name, Undefined) is None:
            raise Unsupported
        return values.get(name, Undefined)

    return evaluate


def _list(node: ValueNode, kind: GraphQLInputType) -> Bind:
    nodes = node.values if isinstance(node, ListValueNode) else (node,)
    items = [evaluator(item, kind) for item in nodes]

    def evaluate(values: Values) -> Any:
        found = [item(values) for item in items]
        if any(value is Undefined for value in found):
            raise Unsupported
        return found

    return evaluate


def _object(node: ObjectValueNode, kind: CompiledInput) -> Bind:
    members = [
        (field.name.value, evaluator(field.value, kind.members[field.name.value].type))
        for field in node.fields
    ]

    def evaluate(values: Values) -> Any:
        found = {name: member(values) for name, member in members}
        return kind.make({name: value for name, value in found.items() if value is not Undefined})

    return evaluate


class Variables:
    """The variables of an operation."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._all: list[tuple[str, bool, Coerce, Any]] = []
        for definition in operation.variable_definitions or ():
            kind = cast("GraphQLInputType", type_from_ast(schema, definition.type))
            node, is_required = definition.default_value, isinstance(kind, GraphQLNonNull)
            default = evaluator(node, kind)({}) if node else Undefined
            self._all.append((definition.variable.name.value, is_required, reader(kind), default))

    def read(self, given: Mapping[str, Any]) -> Values:
        """Their values, of what the client sent."""
        values = {}
        for name, is_required, read, default in self._all:
            if name in given:
                values[name] = read(given[name], 0)
            elif default is not Undefined:
                values[name] = default
            elif is_required:
                raise Unsupported
        return values
