"""Selections, compiled: from what resolvers answer straight to what JSON can write, in columns.

Below a root field nearly everything is plain data. A selection on it is turned once into
steps from a list of values to a list of their projections, so that a page is checked, picked
and renamed column by column, in C. What a step does not know it does not guess: it steps
aside, and graphql-core answers (see operations.py). So there may be few of them, and the
answer is always graphql-core's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from operator import attrgetter
from types import GenericAlias
from typing import Annotated, Any, TypeAlias

import msgspec
from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
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

from todo_graphql.api.context import SHARED
from todo_graphql.api.execution.coercion import DEFINITION, Unsupported
from todo_graphql.api.execution.columns import (
    CompiledField,
    Projected,
    Step,
    check,
    get,
    map_step,
    one_of,
    optional,
    rename,
    repeat,
)
from todo_graphql.api.execution.resolver_calls import ResolverCall

Int: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
SCALARS: Mapping[str, Any] = {
    "ID": str,
    "String": str,
    "DateTime": str,
    "Date": str,
    "Int": Int,
    "Boolean": bool,
}
"""Scalars whose values are in their final form, and what these are."""


@dataclass(frozen=True, slots=True)
class SelectionCompiler:
    """Compiles selections, where `conditions` says which of the variables that `@skip` and
    `@include` ask for are true. It notes which attributes they read of each type.
    """

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    conditions: Mapping[str, bool]
    reads: dict[str, set[str]] = field(default_factory=dict)

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
        """`@skip` is asked first, whatever their order: what it excludes may have no condition
        for `@include`, and what it does not must have one.
        """
        given = {directive.name.value: directive for directive in node.directives or ()}
        skip, include = given.pop("skip", None), given.pop("include", None)
        if given:
            raise Unsupported
        if skip is not None and self._condition(skip):
            return False
        return include is None or self._condition(include)

    def _condition(self, directive: DirectiveNode) -> bool:
        (argument,) = directive.arguments or ()
        if isinstance(argument.value, VariableNode):
            return self.conditions[argument.value.name.value]
        assert isinstance(argument.value, BooleanValueNode)
        return argument.value.value

    def _applies(self, condition: str, kind: GraphQLObjectType) -> bool:
        return condition == kind.name or condition in {inner.name for inner in kind.interfaces}

    def entry(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> CompiledField:
        """The field of an object that these nodes select."""
        name = nodes[0].name.value
        if name == "__typename":
            return CompiledField(partial(repeat, kind.name), checking(str), str)
        field = kind.fields[name]
        definition = field.extensions[DEFINITION]
        leaf = leaf_of(field.type)
        finish = checking(leaf) if leaf else self._completion(field.type, nodes)
        if definition.base_resolver is not None:
            fetch = ResolverCall(field, nodes[0])
            return CompiledField(fetch, finish, leaf, is_shared=SHARED in definition.metadata)
        self.reads.setdefault(kind.name, set()).add(definition.python_name)
        of, name = class_of(kind), definition.python_name
        return leaf_attribute(of, name, leaf) if leaf else attribute(of, name, finish)

    def _completion(self, kind: GraphQLOutputType, nodes: Sequence[FieldNode]) -> Step:
        """What makes JSON of a field's values that are no leaves. Raises StepAside for what is
        not known here.
        """
        if isinstance(kind, GraphQLNonNull):
            return self._required(kind.of_type, nodes)
        return partial(optional, self._required(kind, nodes))

    def _required(self, kind: GraphQLOutputType, nodes: Sequence[FieldNode]) -> Step:
        """The same where null may not be: there it is an error, and so not known here."""
        if isinstance(kind, GraphQLList):
            return partial(map_step, self._completion(kind.of_type, nodes))
        if isinstance(kind, GraphQLEnumType):
            return naming(kind)
        sets = [node.selection_set for node in nodes if node.selection_set is not None]
        if isinstance(kind, GraphQLObjectType):
            return self._object(kind, sets)
        if isinstance(kind, GraphQLInterfaceType):
            possible = self.schema.get_possible_types(kind)
            return partial(
                one_of, {class_of(inner): self._object(inner, sets) for inner in possible}
            )
        raise Unsupported

    def _object(self, kind: GraphQLObjectType, sets: Sequence[SelectionSetNode]) -> Step:
        groups = self.collect(kind, sets)
        entries = [self.entry(kind, nodes) for nodes in groups.values()]
        return Projected(class_of(kind), tuple(groups), entries)


def attribute(of: type, name: str, finish: Step, leaf: Any = None) -> CompiledField:
    """A field that is an attribute of a class."""
    row: tuple[str, ...] = getattr(of, "_fields", ())
    place = row.index(name) if name in row else None
    return CompiledField(partial(get, attrgetter(name)), finish, leaf, place)


@cache
def leaf_attribute(of: type, name: str, leaf: Any) -> CompiledField:
    """The same of a leaf, for all documents."""
    return attribute(of, name, checking(leaf), leaf)


@cache
def checking(leaf: Any) -> Step:
    """What checks leaves."""
    return partial(check, GenericAlias(list, leaf))


@cache
def naming(kind: GraphQLEnumType) -> Step:
    """What names an enum's members, be they given as such or as their values."""
    members = kind.extensions[DEFINITION].wrapped_cls
    return partial(
        rename,
        {key: name for name in kind.values for key in (members[name], members[name].value)},
    )


def class_of(kind: GraphQLObjectType) -> type:
    """The class of this type's values: the row that it describes, or else its own."""
    origin = kind.extensions[DEFINITION].origin
    expected: type = getattr(origin, "row", origin)
    return expected


def leaf_of(kind: GraphQLOutputType) -> Any:
    """What msgspec checks values of this type to be: it checks classes strictly, nulls and
    ranges. None for a type that has an enum or an object inside.
    """
    if isinstance(kind, GraphQLNonNull):
        return _leaf_of(kind.of_type)
    leaf = _leaf_of(kind)
    return None if leaf is None else leaf | None


def _leaf_of(kind: GraphQLOutputType) -> Any:
    if isinstance(kind, GraphQLScalarType):
        return SCALARS.get(kind.name)
    inner = leaf_of(kind.of_type) if isinstance(kind, GraphQLList) else None
    return None if inner is None else GenericAlias(list, inner)
