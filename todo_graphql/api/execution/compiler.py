"""Compiler of selections to steps that convert the values of resolvers to JSON in columns.

Nearly all fields below a root field are plain data. A selection is compiled once to steps that
check, select and rename a page column by column, in C. A step raises Unsupported for an unknown
case, and graphql-core executes the field (see executor.py). So the result is always
graphql-core's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    ObjectProjection,
    ShortText,
    Step,
    check_values,
    get_attribute,
    map_lists,
    name_enum,
    optional,
    project_abstract,
    repeat,
)
from todo_graphql.api.execution.resolver_calls import ResolverCall
from todo_graphql.store.models import (
    DESCRIPTION_MAX_LENGTH,
    TAG_MAX_LENGTH,
    TASK_MAX_TAGS,
    TITLE_MAX_LENGTH,
)
from todo_graphql.store.tasks.rows import TaskRow
from todo_graphql.store.tasks.values.rows import TaskValuesRow

Int: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
SCALARS: Mapping[str, Any] = {
    "ID": ShortText,
    "String": str,
    "DateTime": ShortText,
    "Date": ShortText,
    "Int": Int,
    "Boolean": bool,
}
"""The types of scalars whose values need no serialization."""

MAX_CHARACTERS: Mapping[tuple[type, str], int] = {
    (row, name): maximum
    for row in (TaskRow, TaskValuesRow)
    for name, maximum in (
        ("title", TITLE_MAX_LENGTH),
        ("description", DESCRIPTION_MAX_LENGTH),
        ("tags", TASK_MAX_TAGS * (TAG_MAX_LENGTH + len('""'))),
    )
}
"""The maximum lengths of texts, which the database ensures."""


@dataclass(frozen=True, slots=True)
class SelectionCompiler:
    """Compiler of selections under the conditions of `@skip` and `@include`.

    The `conditions` are the values of their variables. The compiler records the attributes that
    each type reads in `columns`.
    """

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    conditions: Mapping[str, bool]
    columns: dict[str, set[str]] = field(default_factory=dict)

    def collect(
        self, kind: GraphQLObjectType, sets: Sequence[SelectionSetNode]
    ) -> dict[str, list[FieldNode]]:
        """Group the fields of an object by response key, as CollectFields in the specification."""
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
        """Evaluate `@skip` before `@include`, regardless of their order in the document.

        The condition of the second may be null if the first excludes the field.
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

    def compile_field(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> CompiledField:
        """Compile the field of an object that these nodes select."""
        name = nodes[0].name.value
        if name == "__typename":
            return CompiledField(partial(repeat, kind.name), check_leaves(str), str)
        field = kind.fields[name]
        definition = field.extensions[DEFINITION]
        leaf = leaf_type(field.type)
        finish = check_leaves(leaf) if leaf else self._compile_completion(field.type, nodes)
        if definition.base_resolver is not None:
            fetch = ResolverCall(field, nodes[0])
            return CompiledField(fetch, finish, leaf, is_shared=SHARED in definition.metadata)
        self.columns.setdefault(kind.name, set()).add(definition.python_name)
        owner, name = value_class(kind), definition.python_name
        return leaf_attribute(owner, name, leaf) if leaf else attribute_field(owner, name, finish)

    def _compile_completion(self, kind: GraphQLOutputType, nodes: Sequence[FieldNode]) -> Step:
        """Return the step that converts values other than leaves to JSON. Raise Unsupported."""
        if isinstance(kind, GraphQLNonNull):
            return self._compile_non_null(kind.of_type, nodes)
        return partial(optional, self._compile_non_null(kind, nodes))

    def _compile_non_null(self, kind: GraphQLOutputType, nodes: Sequence[FieldNode]) -> Step:
        if isinstance(kind, GraphQLList):
            return partial(map_lists, self._compile_completion(kind.of_type, nodes))
        if isinstance(kind, GraphQLEnumType):
            return name_members(kind)
        sets = [node.selection_set for node in nodes if node.selection_set is not None]
        if isinstance(kind, GraphQLObjectType):
            return self._compile_object(kind, sets)
        if isinstance(kind, GraphQLInterfaceType):
            possible = self.schema.get_possible_types(kind)
            steps = {value_class(inner): self._compile_object(inner, sets) for inner in possible}
            return partial(project_abstract, steps)
        raise Unsupported

    def _compile_object(self, kind: GraphQLObjectType, sets: Sequence[SelectionSetNode]) -> Step:
        groups = self.collect(kind, sets)
        fields = [self.compile_field(kind, nodes) for nodes in groups.values()]
        return ObjectProjection(value_class(kind), tuple(groups), fields)


def attribute_field(owner: type, name: str, finish: Step, leaf: Any = None) -> CompiledField:
    """Return a field that is an attribute of a class."""
    row: tuple[str, ...] = getattr(owner, "_fields", ())
    position = row.index(name) if name in row else None
    return CompiledField(partial(get_attribute, attrgetter(name)), finish, leaf, position)


@cache
def leaf_attribute(owner: type, name: str, leaf: Any) -> CompiledField:
    """Return a leaf that is an attribute of a class, shared by all documents."""
    field = attribute_field(owner, name, check_leaves(leaf), leaf)
    return replace(field, max_characters=MAX_CHARACTERS.get((owner, name)))


@cache
def check_leaves(leaf: Any) -> Step:
    return partial(check_values, GenericAlias(list, leaf))


@cache
def name_members(kind: GraphQLEnumType) -> Step:
    """Return the step that names enum members, given as members or as their values."""
    members = kind.extensions[DEFINITION].wrapped_cls
    return partial(
        name_enum,
        {key: name for name in kind.values for key in (members[name], members[name].value)},
    )


def value_class(kind: GraphQLObjectType) -> type:
    """Return the class of a type's values: the row that it describes, or its own class."""
    origin = kind.extensions[DEFINITION].origin
    expected: type = getattr(origin, "row", origin)
    return expected


def leaf_type(kind: GraphQLOutputType) -> Any:
    """Return the type with which msgspec checks leaves: classes, nulls and ranges.

    Return None for a type with an enum or an object inside.
    """
    if isinstance(kind, GraphQLNonNull):
        return _nullable_leaf_type(kind.of_type)
    leaf = _nullable_leaf_type(kind)
    return None if leaf is None else leaf | None


def _nullable_leaf_type(kind: GraphQLOutputType) -> Any:
    if isinstance(kind, GraphQLScalarType):
        return SCALARS.get(kind.name)
    inner = leaf_type(kind.of_type) if isinstance(kind, GraphQLList) else None
    return None if inner is None else GenericAlias(list, inner)
