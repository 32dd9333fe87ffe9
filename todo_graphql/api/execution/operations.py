"""Definitions of operations: their conditions, and copies with a part of their fields."""

from collections.abc import Sequence
from typing import Any

from graphql import (
    FieldNode,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

MAX_CONDITIONS = 4
"""The maximum number of variables in `@skip` and `@include`, whose combinations are compiled."""

MAX_PLANS = 4
"""The maximum number of cached plans of an operation. Clients use one or two."""


def count_branches(operation: OperationDefinitionNode) -> int:
    """Return the maximum number of cached plans: any Boolean variable can be a condition."""
    kinds = [definition.type for definition in operation.variable_definitions or ()]
    named = [kind.type if isinstance(kind, NonNullTypeNode) else kind for kind in kinds]
    booleans = [kind for kind in named if isinstance(kind, NamedTypeNode)]
    number = sum(kind.name.value == "Boolean" for kind in booleans)
    return min(1 << min(number, MAX_CONDITIONS), MAX_PLANS)


def copy_operation(
    operation: OperationDefinitionNode, nodes: Sequence[FieldNode]
) -> OperationDefinitionNode:
    return OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=operation.variable_definitions,
        directives=operation.directives,
        selection_set=SelectionSetNode(selections=tuple(nodes)),
        loc=operation.loc,
    )


def condition_variables(definitions: Sequence[Any]) -> tuple[str, ...]:
    """Return the variables in `@skip` and `@include` anywhere in these definitions."""
    found: dict[str, None] = {}
    pending = [definition.selection_set for definition in definitions]
    while pending:
        for node in pending.pop().selections:
            for directive in node.directives or ():
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        found[argument.value.name.value] = None
            if getattr(node, "selection_set", None) is not None:
                pending.append(node.selection_set)
    return tuple(found)
