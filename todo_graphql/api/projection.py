"""Selections, compiled: from what a resolver answers straight to what JSON can write.

Below a root field nearly everything is plain data. A selection on it is turned once into a
function that picks, renames and checks; what it does not know it does not guess: it steps
aside, and graphql-core answers (see execution.py). So it may be small, and the answer is
always graphql-core's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

TEXTS = frozenset({"ID", "String", "DateTime", "Date"})
"""Scalars whose values are texts in their final form."""

INT_RANGE = range(-(2**31), 2**31)
DEFINITION = "strawberry-definition"
"""Where Strawberry keeps what it made a type or a field of."""

Resolve: TypeAlias = Callable[
    [GraphQLField, GraphQLObjectType, list[FieldNode], str, Any, Any], Any
]
"""Calls the resolver of a field that wants more than its object."""

Complete: TypeAlias = Callable[[Any, Any], Any]
"""From a value, within a run, to JSON. Raises StepAside."""


class StepAside(Exception):  # noqa: N818 - somebody else's turn
    """This is for graphql-core to answer."""


@dataclass(frozen=True, slots=True)
class Projection:
    """Compiles the selections of one operation, where `conditions` says which of its variables
    that `@skip` and `@include` ask for are true.
    """

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    conditions: Mapping[str, bool]
    resolve: Resolve

    def collect(
        self, kind: GraphQLObjectType, sets: Sequence[SelectionSetNode]
    ) -> dict[str, list[FieldNode]]:
        """The fields of an object by response key, in order, as the specification's
        CollectFields groups them.
        """
        groups: dict[str, list[FieldNode]] = {}
        for selection_set in sets:
            for node in self._fields(kind, selection_set, set()):
                key = node.alias.value if node.alias else node.name.value
                groups.setdefault(key, []).append(node)
        return groups

    def _fields(
        self, kind: GraphQLObjectType, selection_set: SelectionSetNode, spread: set[str]
    ) -> Iterator[FieldNode]:
        for node in selection_set.selections:
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                if condition is None or self._applies(condition.name.value, kind):
                    yield from self._fields(kind, node.selection_set, spread)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                spread.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if self._applies(fragment.type_condition.name.value, kind):
                    yield from self._fields(kind, fragment.selection_set, spread)

    def _is_included(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            if directive.name.value not in ("skip", "include"):
                raise StepAside
            if self._condition(directive) is (directive.name.value == "skip"):
                return False
        return True

    def _condition(self, directive: DirectiveNode) -> bool:
        (argument,) = directive.arguments or ()
        if isinstance(argument.value, VariableNode):
            return self.conditions[argument.value.name.value]
        assert isinstance(argument.value, BooleanValueNode)
        return argument.value.value

    def _applies(self, condition: str, kind: GraphQLObjectType) -> bool:
        return condition == kind.name or condition in {inner.name for inner in kind.interfaces}

    def completion(self, kind: GraphQLOutputType, nodes: Sequence[FieldNode]) -> Complete:
        """What makes JSON of a field's value. Raises StepAside for what is not known here."""
        if isinstance(kind, GraphQLNonNull):
            return required(self._completion(kind.of_type, nodes))
        return optional(self._completion(kind, nodes))

    def _completion(self, kind: GraphQLOutputType, nodes: Sequence[FieldNode]) -> Complete:
        if isinstance(kind, GraphQLList):
            return each(self.completion(kind.of_type, nodes))
        if isinstance(kind, GraphQLScalarType):
            return scalar(kind.name)
        if isinstance(kind, GraphQLEnumType):
            return member(kind)
        sets = [node.selection_set for node in nodes if node.selection_set is not None]
        if isinstance(kind, GraphQLObjectType):
            return self.object(kind, sets)
        if isinstance(kind, GraphQLInterfaceType):
            possible = self.schema.get_possible_types(kind)
            return one_of({class_of(inner): self.object(inner, sets) for inner in possible})
        raise StepAside

    def object(self, kind: GraphQLObjectType, sets: Sequence[SelectionSetNode]) -> Complete:
        """What makes JSON of an object."""
        entries = [
            (key, *self._entry(kind, nodes, key)) for key, nodes in self.collect(kind, sets).items()
        ]
        expected = class_of(kind)

        def complete(value: Any, run: Any) -> Any:
            if value.__class__ is not expected:
                raise StepAside
            return {key: finish(fetch(value, run), run) for key, fetch, finish in entries}

        return complete

    def _entry(
        self, kind: GraphQLObjectType, nodes: list[FieldNode], key: str
    ) -> tuple[Complete, Complete]:
        """How to get the value of a field from its object, and how to make JSON of it."""
        name = nodes[0].name.value
        if name == "__typename":
            return (lambda _value, _run: kind.name), (lambda value, _run: value)
        field = kind.fields[name]
        return self._fetch(kind, field, nodes, key), self.completion(field.type, nodes)

    def _fetch(
        self, kind: GraphQLObjectType, field: GraphQLField, nodes: list[FieldNode], key: str
    ) -> Complete:
        definition = field.extensions[DEFINITION]
        resolver = definition.base_resolver
        if resolver is None:
            attribute = definition.python_name
            return lambda value, _run: getattr(value, attribute)
        if not field.args and resolver.info_parameter is None and not definition.extensions:
            function = resolver.wrapped_func
            return lambda value, _run: function(value)
        resolve = self.resolve
        return lambda value, run: resolve(field, kind, nodes, key, value, run)


def class_of(kind: GraphQLObjectType) -> type:
    """The class whose instances Strawberry answers for this type."""
    origin: type = kind.extensions[DEFINITION].origin
    return origin


def required(inner: Complete) -> Complete:
    """A null here is an error, which graphql-core reports and propagates."""

    def complete(value: Any, run: Any) -> Any:
        if value is None:
            raise StepAside
        return inner(value, run)

    return complete


def optional(inner: Complete) -> Complete:
    """Null stays null."""
    return lambda value, run: None if value is None else inner(value, run)


def each(item: Complete) -> Complete:
    """A list, item by item."""

    def complete(value: Any, run: Any) -> Any:
        if value.__class__ is not list:
            raise StepAside
        return [item(inner, run) for inner in value]

    return complete


def one_of(possible: Mapping[type, Complete]) -> Complete:
    """An object of an abstract type, by its class."""

    def complete(value: Any, run: Any) -> Any:
        inner = possible.get(value.__class__)
        if inner is None:
            raise StepAside
        return inner(value, run)

    return complete


def member(kind: GraphQLEnumType) -> Complete:
    """The name of an enum's member."""
    members = kind.extensions[DEFINITION].wrapped_cls
    names = {members[name]: name for name in kind.values}

    def complete(value: Any, _run: Any) -> Any:
        if value.__class__ is not members:
            raise StepAside
        return names[value]

    return complete


def scalar(name: str) -> Complete:
    """A value that is in its final form: of the one class that it may have."""
    if name not in TEXTS and name not in ("Int", "Boolean"):
        raise StepAside
    expected: type = {"Int": int, "Boolean": bool}.get(name, str)
    is_int = name == "Int"

    def complete(value: Any, _run: Any) -> Any:
        if value.__class__ is not expected or (is_int and value not in INT_RANGE):
            raise StepAside
        return value

    return complete
