"""Query cost: the size of selections, and the cost of operations.

The measurement is linear in the document: a fragment is measured once for each list size that
it is spread at.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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
    count_values,
    field_multiplier,
    iter_values,
    max_list_size,
    size_key,
    sizing_variables,
)

STATEMENT_COSTS: Mapping[str, int] = {
    "Query.node": 10,
    "Query.task": 10,
    "Query.tasks": 100,
    "Query.overview": 100,
    "User.storage": 100,
    "User.tasks": 100,
    "User.overview": 100,
    "User.tags": 100,
    "TaskConnection.totalCount": 100,
}
"""The costs of the database statements of fields, relative to a field without a statement."""

MAX_MEASUREMENTS = 1_000
"""The maximum number of measurements of fragments, one for each list size."""


@dataclass(slots=True)
class SelectionSize:
    """Size of a selection with its fragments expanded and no fields merged."""

    depth: int = 0
    width: int = 0
    """The number of fields on the top level."""
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    returned: int = 0
    """The maximum number of returned fields."""
    cost: int = 0
    """The maximum number of returned fields, plus the values in arguments and the statements."""
    sized_by: set[str] = field(default_factory=set)
    """The variables that determine list sizes."""
    uses: dict[str, int] = field(default_factory=dict)
    """The number of times that each variable is read."""

    def add(self, other: "SelectionSize", times: int = 1) -> None:
        self.depth = max(self.depth, other.depth)
        self.width += other.width
        self.fields += other.fields
        self.aliases += other.aliases
        self.directives += other.directives
        self.returned += times * other.returned
        self.cost += times * other.cost
        self.sized_by |= other.sized_by
        for name, number in other.uses.items():
            self.uses[name] = self.uses.get(name, 0) + times * number


class TooManyMeasurementsError(Exception):
    """The document spreads its fragments at too many list sizes."""


class DocumentMeasurer:
    """Measurement of one document, which may be invalid: unknown names have no size.

    Without variables, list sizes count as their maximum.
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
        self._fragment_sizes: dict[tuple[str, int], SelectionSize] = {}

    def measure(self, node: OperationDefinitionNode) -> SelectionSize:
        size = self._selection(node.selection_set, self._schema.get_root_type(node.operation), 1)
        variables = node.variable_definitions or ()
        size.directives += len(node.directives or ())
        size.directives += sum(len(variable.directives or ()) for variable in variables)
        return size

    def measure_unused_fragments(self) -> SelectionSize:
        """Return the size of the fragments without a spread so far, which are validated too."""
        size = SelectionSize()
        for name in self._fragments:
            if not any(name == measured for measured, _ in self._fragment_sizes):
                size.add(self._fragment(name, 1))
        return size

    def _selection(
        self, selection_set: SelectionSetNode | None, on: GraphQLNamedType | None, items: int
    ) -> SelectionSize:
        """Return the size of a selection on the type `on`, whose lists have so many items."""
        size = SelectionSize()
        for node in selection_set.selections if selection_set else ():
            size.add(self._selection_node(node, on, items))
            size.directives += len(node.directives or ())
        return size

    def _selection_node(
        self, node: SelectionNode, on: GraphQLNamedType | None, items: int
    ) -> SelectionSize:
        if isinstance(node, FieldNode):
            return self._field(node, on, items)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            inner = self._schema.get_type(condition.name.value) if condition else on
            return self._selection(node.selection_set, inner, items)
        assert isinstance(node, FragmentSpreadNode)
        return self._fragment(node.name.value, items)

    def _field(self, node: FieldNode, on: GraphQLNamedType | None, items: int) -> SelectionSize:
        fields = selectable_fields(on)
        size = SelectionSize(sized_by=set(sizing_variables(node)))
        definition = fields.get(node.name.value)
        if definition is None:
            size.add(self._selection(node.selection_set, None, 1))
        else:
            list_size = max_list_size(node, definition, self._variables)
            below = self._selection(node.selection_set, get_named_type(definition.type), list_size)
            size.add(below, field_multiplier(definition, items))
        size.depth += 1
        size.width = 1
        size.fields += 1
        size.aliases += node.alias is not None
        size.returned += 1
        size.cost += 1 + STATEMENT_COSTS.get(f"{on}.{node.name.value}", 0)
        self._measure_arguments(node, size)
        return size

    def _measure_arguments(self, node: FieldNode, size: SelectionSize) -> None:
        for argument in node.arguments or ():
            for value in iter_values(argument.value):
                if isinstance(value, VariableNode):
                    name = value.name.value
                    size.uses[name] = size.uses.get(name, 0) + 1
                else:
                    size.cost += 1

    def _fragment(self, name: str, items: int) -> SelectionSize:
        key = name, items
        if key not in self._fragment_sizes:
            if len(self._fragment_sizes) >= MAX_MEASUREMENTS:
                raise TooManyMeasurementsError
            # A fragment that spreads itself has no size meanwhile. Validation rejects it.
            self._fragment_sizes[key] = SelectionSize()
            fragment = self._fragments.get(name)
            if fragment is not None:
                inner = self._schema.get_type(fragment.type_condition.name.value)
                size = self._selection(fragment.selection_set, inner, items)
                size.directives += len(fragment.directives or ())
                self._fragment_sizes[key] = size
        return self._fragment_sizes[key]


def selectable_fields(kind: GraphQLNamedType | None) -> Mapping[str, GraphQLField]:
    """Return the fields of a type that a selection can name. Input types have none."""
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        fields: Mapping[str, GraphQLField] = kind.fields
        return fields
    return {}


class Cost(NamedTuple):
    """Cost of an operation, and the part of it for the fields that it can return."""

    total: int
    returned: int


MAX_CACHED_SIZES = 10
"""The maximum number of cached sizes of an operation, by the list sizes in its variables."""


class OperationCost:
    """Cost of one operation, by the values of its variables."""

    def __init__(
        self,
        document: DocumentNode,
        schema: GraphQLSchema,
        node: OperationDefinitionNode,
        maximum: SelectionSize,
    ) -> None:
        self.node = node
        self._document = document
        self._schema = schema
        self._maximum = maximum
        self._sizes: dict[Hashable, SelectionSize] = {}
        # Defaults of variables are literals.
        self._defaults = {
            definition.variable.name.value: definition.default_value
            for definition in node.variable_definitions or ()
            if definition.default_value is not None
        }

    def for_variables(self, variables: Mapping[str, Any]) -> Cost:
        """Return the cost with these values, or the defaults of variables without a value.

        The values in a variable count for each use of the variable.
        """
        values = {**self._defaults, **variables} if self._defaults else variables
        size = self._size(values) if self._maximum.sized_by else self._maximum
        cost = size.cost
        for name, times in size.uses.items():
            cost += times * count_values(values.get(name))
        return Cost(cost, size.returned)

    def _size(self, values: Mapping[str, Any]) -> SelectionSize:
        """Return the size for the list sizes in these values."""
        key = tuple(size_key(values.get(name)) for name in self._maximum.sized_by)
        size = self._sizes.get(key)
        if size is None:
            size = DocumentMeasurer(self._document, self._schema, values).measure(self.node)
            if len(self._sizes) == MAX_CACHED_SIZES:
                self._sizes.clear()
            self._sizes[key] = size
        return size
