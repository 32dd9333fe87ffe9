"""Required values of mutations: arguments and fields of inputs that a document names.

GraphQL leaves out an argument or a field whose variable is omitted, and a filter ignores a
comparison with null. In a mutation, both would write more than the document says (decision 0026).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Undefined,
    ValueNode,
    VariableNode,
)

from todo_graphql.api.documents.list_sizes import iter_values
from todo_graphql.api.documents.value_rules import MissingValue, can_be_missing, missing_values
from todo_graphql.store.problem_collector import MAX_PROBLEMS

MissingValues: TypeAlias = Mapping[str, Sequence[MissingValue]]
"""The missing values of root fields, by their names in the response."""

NOTHING_MISSING: MissingValues = MappingProxyType({})


class VariableArgument(NamedTuple):
    """Argument of a root field whose value depends on variables."""

    key: str
    name: str
    argument: GraphQLArgument
    node: ValueNode


class RequiredValues:
    """Required values of one operation. Literals are checked once, variables for each request."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
    ) -> None:
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._defaults = {
            definition.variable.name.value: json_value(definition.default_value, {})
            for definition in operation.variable_definitions or ()
            if definition.default_value is not None
        }
        self._literal: dict[str, list[MissingValue]] = {}
        self._variable: list[VariableArgument] = []
        root = schema.mutation_type
        if operation.operation is OperationType.MUTATION and root is not None:
            fields: dict[str, FieldNode] = {}
            for node in self._iter_fields(operation.selection_set, set()):
                # GraphQL merges fields with one key, which have the same arguments.
                fields.setdefault(node.alias.value if node.alias else node.name.value, node)
            for key, node in fields.items():
                for given in node.arguments or ():
                    argument = root.fields[node.name.value].args[given.name.value]
                    self._add(VariableArgument(key, given.name.value, argument, given.value))

    def _iter_fields(self, selections: SelectionSetNode, spread: set[str]) -> Iterator[FieldNode]:
        """Yield the root fields. Each fragment is spread once."""
        for node in selections.selections:
            if isinstance(node, FieldNode) and not node.name.value.startswith("__"):
                yield node
            elif isinstance(node, InlineFragmentNode):
                yield from self._iter_fields(node.selection_set, spread)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                spread.add(node.name.value)
                fragment = self._fragments[node.name.value]
                yield from self._iter_fields(fragment.selection_set, spread)

    def _add(self, given: VariableArgument) -> None:
        """Check a literal now. Keep an argument in which a variable can make a value missing."""
        if any(isinstance(value, VariableNode) for value in iter_values(given.node)):
            if can_be_missing(given.name, given.argument):
                self._variable.append(given)
        elif found := _find_missing(given, {}):
            self._literal.setdefault(given.key, []).extend(found)

    def find_missing(self, variables: Mapping[str, Any]) -> MissingValues:
        """Return the missing values with these variables, as the client sent them."""
        if not self._variable:
            return self._literal
        values = {**self._defaults, **variables}
        missing = dict(self._literal)
        for given in self._variable:
            if found := _find_missing(given, values):
                missing[given.key] = [*missing.get(given.key, ()), *found]
        return missing


def _find_missing(given: VariableArgument, values: Mapping[str, Any]) -> list[MissingValue]:
    value = json_value(given.node, values)
    return list(islice(missing_values(given.name, given.argument.type, value), MAX_PROBLEMS))


def json_value(node: Any, values: Mapping[str, Any]) -> Any:
    """Return a literal as JSON. Omitted variables are Undefined, numbers and enums are texts."""
    if isinstance(node, VariableNode):
        return values.get(node.name.value, Undefined)
    if isinstance(node, NullValueNode):
        return None
    if isinstance(node, ListValueNode):
        return [json_value(item, values) for item in node.values]
    if isinstance(node, ObjectValueNode):
        return {member.name.value: json_value(member.value, values) for member in node.fields}
    return node.value
