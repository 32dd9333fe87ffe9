"""Compiled coercion of inputs, from literals and variables to arguments of resolvers.

graphql-core and Strawberry traverse the input types for each value. Here the types are
traversed once. Any invalid value raises an exception, and graphql-core reports the error.
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
"""The extension key of Strawberry's definition of a type, a field or an argument."""

MAX_DEPTH = 50
"""The maximum nesting of inputs. graphql-core handles deeper inputs, up to its own limit."""

Values: TypeAlias = Mapping[str, Any]
"""The values of an operation's variables by name, without variables that have no value."""

Coerce: TypeAlias = Callable[[Any, int], Any]
"""A conversion of a JSON value at a depth to an argument of a resolver."""

Bind: TypeAlias = Callable[[Values], Any]
"""A conversion of variables to an argument of a resolver, Undefined without a value."""


class Unsupported(Exception):  # noqa: N818 - control flow
    """The compiled execution does not support the case, so graphql-core executes it."""


class CompiledArgument:
    """Argument of a field, or field of an input type."""

    def __init__(self, definition: GraphQLArgument | GraphQLInputField) -> None:
        origin = definition.extensions[DEFINITION]
        self.type = definition.type
        self.python_name: str = origin.python_name
        self._is_maybe = isinstance(origin.type, StrawberryMaybe)
        if self._is_maybe and not isinstance(origin.type.of_type, StrawberryOptional):
            raise Unsupported  # null would be an error

    def wrap(self, value: Any) -> Any:
        """Return the value, in Some if null differs from an omitted value."""
        return Some(value) if self._is_maybe else value


class CompiledInput:
    """Constructor of an input type's instances. Its class supplies the defaults of the schema."""

    def __init__(self, kind: GraphQLInputObjectType) -> None:
        self._make = kind.extensions[DEFINITION].origin
        self.members = {name: CompiledArgument(field) for name, field in kind.fields.items()}
        self._coercions = {
            name: compile_coercion(field.type) for name, field in kind.fields.items()
        }
        self._required = {
            name for name in kind.fields if is_required_input_field(kind.fields[name])
        }

    def coerce(self, value: Any, depth: int) -> Any:
        """Return the instance that a JSON value describes."""
        if value.__class__ is not dict or depth > MAX_DEPTH:
            raise Unsupported
        coercions = self._coercions
        return self.make({name: coercions[name](inner, depth + 1) for name, inner in value.items()})

    def make(self, given: Mapping[str, Any]) -> Any:
        """Return the instance with these values, by the names in the schema."""
        if not self._required <= given.keys():
            raise Unsupported
        values = {}
        for name, value in given.items():
            member = self.members[name]
            values[member.python_name] = member.wrap(value)
        return self._make(**values)


@lru_cache
def compile_input(kind: GraphQLInputObjectType) -> CompiledInput:
    """Compile an input type on its first value, because a type can contain itself."""
    return CompiledInput(kind)


def compile_coercion(kind: GraphQLInputType) -> Coerce:
    """Return the coercion of JSON values to a type."""
    coerce_value = _compile_nullable(kind.of_type if isinstance(kind, GraphQLNonNull) else kind)

    def coerce(value: Any, depth: int) -> Any:
        if value is not None:
            return coerce_value(value, depth)
        if isinstance(kind, GraphQLNonNull):
            raise Unsupported
        return None

    return coerce


def _compile_nullable(kind: GraphQLInputType) -> Coerce:
    if isinstance(kind, GraphQLList):
        item = compile_coercion(kind.of_type)
        # A single value is coerced to a list of one.
        return lambda value, depth: [
            item(inner, depth) for inner in (value if value.__class__ is list else [value])
        ]
    if isinstance(kind, GraphQLInputObjectType):
        return lambda value, depth: compile_input(kind).coerce(value, depth)
    assert isinstance(kind, GraphQLScalarType | GraphQLEnumType)
    coerce = kind.coerce_input_value
    return lambda value, _depth: coerce(value)


def compile_value(node: ValueNode, kind: GraphQLInputType) -> Bind:
    """Return the binding of a literal or a variable to a value of a type."""
    inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if isinstance(node, VariableNode):
        return _bind_variable(node.name.value, is_required=inner is not kind)
    if isinstance(inner, GraphQLList) and not isinstance(node, NullValueNode):
        return _bind_list(node, inner.of_type)
    if isinstance(inner, GraphQLInputObjectType) and isinstance(node, ObjectValueNode):
        return _bind_object(node, compile_input(inner))
    value = coerce_input_literal(node, kind)
    if value is Undefined:
        raise Unsupported
    return lambda _values: value


def _bind_variable(name: str, *, is_required: bool) -> Bind:
    def bind(values: Values) -> Any:
        if is_required and values.get(name, Undefined) is None:
            raise Unsupported
        return values.get(name, Undefined)

    return bind


def _bind_list(node: ValueNode, kind: GraphQLInputType) -> Bind:
    nodes = node.values if isinstance(node, ListValueNode) else (node,)
    items = [compile_value(item, kind) for item in nodes]

    def bind(values: Values) -> Any:
        bound = [item(values) for item in items]
        if any(value is Undefined for value in bound):
            raise Unsupported
        return bound

    return bind


def _bind_object(node: ObjectValueNode, kind: CompiledInput) -> Bind:
    members = [
        (field.name.value, compile_value(field.value, kind.members[field.name.value].type))
        for field in node.fields
    ]

    def bind(values: Values) -> Any:
        bound = {name: member(values) for name, member in members}
        return kind.make({name: value for name, value in bound.items() if value is not Undefined})

    return bind


class Variables:
    """Variable definitions of an operation."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._definitions: list[tuple[str, bool, Coerce, Any]] = []
        for definition in operation.variable_definitions or ():
            kind = cast("GraphQLInputType", type_from_ast(schema, definition.type))
            node, is_required = definition.default_value, isinstance(kind, GraphQLNonNull)
            default = compile_value(node, kind)({}) if node else Undefined
            self._definitions.append(
                (definition.variable.name.value, is_required, compile_coercion(kind), default)
            )

    def coerce(self, given: Mapping[str, Any]) -> Values:
        """Return the values of the variables that a client sent."""
        values = {}
        for name, is_required, coerce, default in self._definitions:
            if name in given:
                values[name] = coerce(given[name], 0)
            elif default is not Undefined:
                values[name] = default
            elif is_required:
                raise Unsupported
        return values
