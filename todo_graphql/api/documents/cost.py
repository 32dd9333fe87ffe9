"""Sizes: what a selection has, and what it costs.

Everything here is linear in the document: a fragment is measured once for each size of page
that it is spread on, however often that is.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

from todo_graphql.api.documents.list_sizes import (
    answered,
    number_of_values,
    said_by,
    sizing_variables,
    times_answered,
    values_in,
)

STATEMENTS: Mapping[str, int] = {
    "Query.node": 10,
    "Query.task": 10,
    "Query.tasks": 100,
    "Query.overview": 100,
    "User.tasks": 100,
    "User.overview": 100,
    "User.tags": 100,
    "TaskConnection.totalCount": 100,
}
"""What the statements of these fields cost, in fields: few find a task, many read through them."""

MAX_MEASUREMENTS = 1_000
"""Of fragments, each for each size of page that it is spread on."""


@dataclass(slots=True)
class Size:
    """What a selection has, its fragments expanded and nothing merged."""

    depth: int = 0
    width: int = 0
    """Fields on its own level."""
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0
    """How many fields it answers at most, and values that it is asked with."""
    sized_by: set[str] = field(default_factory=set)
    """The variables that say how many items there are on a page."""
    uses: dict[str, int] = field(default_factory=dict)
    """How often the value of each variable is read."""

    def add(self, other: "Size", times: int = 1) -> None:
        """Put another selection beside it, answered so many times."""
        self.depth = max(self.depth, other.depth)
        self.width += other.width
        self.fields += other.fields
        self.aliases += other.aliases
        self.directives += other.directives
        self.cost += times * other.cost
        self.sized_by |= other.sized_by
        for name, number in other.uses.items():
            self.uses[name] = self.uses.get(name, 0) + times * number


class TooMuchToMeasure(Exception):  # noqa: N818 - it is the document's fault
    """A document spreads its fragments on pages of too many sizes."""


class Measure:
    """Measures one document. It may be invalid: what does not exist has no size. Without
    variables, those that say how many items are on a page say the most.
    """

    def __init__(
        self,
        document: DocumentNode,
        schema: GraphQLSchema,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._known: dict[tuple[str, int], Size] = {}

    def operation(self, node: OperationDefinitionNode) -> Size:
        """The size of an operation."""
        size = self._selection(node.selection_set, self._schema.get_root_type(node.operation), 1)
        variables = node.variable_definitions or ()
        size.directives += len(node.directives or ())
        size.directives += sum(len(variable.directives or ()) for variable in variables)
        return size

    def unused(self) -> Size:
        """The size of the fragments that nothing measured so far has spread: they are validated
        all the same.
        """
        size = Size()
        for name in self._fragments:
            if not any(name == known for known, _ in self._known):
                size.add(self._fragment(name, 1))
        return size

    def _selection(
        self, selection_set: SelectionSetNode | None, on: GraphQLNamedType | None, items: int
    ) -> Size:
        """The size of a selection on an object of type `on`, whose lists have so many items."""
        size = Size()
        for node in selection_set.selections if selection_set else ():
            size.add(self._selected(node, on, items))
            size.directives += len(node.directives or ())
        return size

    def _selected(self, node: SelectionNode, on: GraphQLNamedType | None, items: int) -> Size:
        if isinstance(node, FieldNode):
            return self._field(node, on, items)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            inner = self._schema.get_type(condition.name.value) if condition else on
            return self._selection(node.selection_set, inner, items)
        assert isinstance(node, FragmentSpreadNode)
        return self._fragment(node.name.value, items)

    def _field(self, node: FieldNode, on: GraphQLNamedType | None, items: int) -> Size:
        fields = selectable(on)
        size = Size(sized_by=set(sizing_variables(node)))
        definition = fields.get(node.name.value)
        if definition is None:
            size.add(self._selection(node.selection_set, None, 1))
        else:
            inside = answered(node, definition, self._variables)
            below = self._selection(node.selection_set, get_named_type(definition.type), inside)
            size.add(below, times_answered(definition, items))
        size.depth += 1
        size.width = 1
        size.fields += 1
        size.aliases += node.alias is not None
        size.cost += 1 + STATEMENTS.get(f"{on}.{node.name.value}", 0)
        self._read_arguments(node, size)
        return size

    def _read_arguments(self, node: FieldNode, size: Size) -> None:
        for argument in node.arguments or ():
            for value in values_in(argument.value):
                if isinstance(value, VariableNode):
                    name = value.name.value
                    size.uses[name] = size.uses.get(name, 0) + 1
                else:
                    size.cost += 1

    def _fragment(self, name: str, items: int) -> Size:
        key = name, items
        if key not in self._known:
            if len(self._known) >= MAX_MEASUREMENTS:
                raise TooMuchToMeasure
            # Until it is measured it has no size, so that a fragment may spread itself here:
            # validation will refuse it.
            self._known[key] = Size()
            fragment = self._fragments.get(name)
            if fragment is not None:
                inner = self._schema.get_type(fragment.type_condition.name.value)
                size = self._selection(fragment.selection_set, inner, items)
                size.directives += len(fragment.directives or ())
                self._known[key] = size
        return self._known[key]


def selectable(kind: GraphQLNamedType | None) -> Mapping[str, GraphQLField]:
    """The fields of a type that a selection may name. An input type has others."""
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        fields: Mapping[str, GraphQLField] = kind.fields
        return fields
    return {}


REMEMBERED_SIZES = 10
"""Of an operation, for the pages that its variables have asked for."""


class Cost:
    """What one operation costs, by the values of its variables."""

    def __init__(
        self,
        document: DocumentNode,
        schema: GraphQLSchema,
        node: OperationDefinitionNode,
        most: Size,
    ) -> None:
        self.node = node
        self._document = document
        self._schema = schema
        self._most = most
        self._sizes: dict[Hashable, Size] = {}
        # A variable without a value has its default, here as a literal.
        self._defaults = {
            definition.variable.name.value: definition.default_value
            for definition in node.variable_definitions or ()
            if definition.default_value is not None
        }

    def for_variables(self, variables: Mapping[str, Any]) -> int:
        """The cost with these values, and the defaults of the variables that have none. Each
        value of a variable has to be read as often as it is used.
        """
        values = {**self._defaults, **variables} if self._defaults else variables
        size = self._size(values) if self._most.sized_by else self._most
        cost = size.cost
        for name, times in size.uses.items():
            cost += times * number_of_values(values.get(name))
        return cost

    def _size(self, values: Mapping[str, Any]) -> Size:
        """With pages as large as these values say."""
        said = tuple(said_by(values.get(name)) for name in self._most.sized_by)
        size = self._sizes.get(said)
        if size is None:
            size = Measure(self._document, self._schema, values).operation(self.node)
            if len(self._sizes) == REMEMBERED_SIZES:
                self._sizes.clear()
            self._sizes[said] = size
        return size
