"""List sizes: the maximum number of items in a field, and the number of values in its arguments."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from graphql import (
    BooleanValueNode,
    FieldNode,
    GraphQLField,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from todo_graphql.errors import ErrorCode
from todo_graphql.store.sync.changes import DEFAULT_CHANGES, MAX_CHANGES
from todo_graphql.store.sync.push import PUSH_MAX
from todo_graphql.store.tasks.inserts import CREATE_MAX
from todo_graphql.store.tasks.overview import MAX_TAGS
from todo_graphql.store.tasks.page_requests import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from todo_graphql.store.tasks.selections import BULK_DEFAULT, BULK_MAX, DRY_RUN_ROWS

UNPAGINATED_LISTS = {"TagCount": MAX_TAGS, "ErrorCodeInfo": len(ErrorCode)}
"""The maximum sizes of lists without pagination, by the type of their items."""


INPUT_LISTS = {
    "CreateTaskInput": CREATE_MAX,
    "TaskValuesInput": BULK_MAX,
    "PushTaskInput": PUSH_MAX,
}
"""The maximum sizes of inputs that are lists, by the type of their items."""

INPUTS = ("input", "rows")
"""The arguments that are inputs, of which a field has at most one."""


def field_multiplier(field: GraphQLField, items: int) -> int:
    """Return how often the selection below a field is executed: once, or for each list item."""
    if not is_list_type(get_nullable_type(field.type)):
        return 1
    return UNPAGINATED_LISTS.get(get_named_type(field.type).name, items)


def max_list_size(
    node: FieldNode, field: GraphQLField, variables: Mapping[str, Any] | None = None
) -> int:
    """Return the maximum size of the lists below a field, by its arguments.

    Without known variables, a variable counts as its maximum.
    """
    given = dict(_given_arguments(node, variables))
    if "since" in field.args:
        return _number(given.get("first", DEFAULT_CHANGES), MAX_CHANGES)
    sizes = [size(given[name]) for name, size in SIZE_ARGUMENTS.items() if name in given]
    if "first" in field.args:
        return max(sizes, default=DEFAULT_PAGE_SIZE)
    if "atMost" in field.args:
        least = DRY_RUN_ROWS if _can_be_dry_run(node) else 1
        return max([least, *(sizes or [BULK_DEFAULT])])
    for name in INPUTS:
        kind = get_nullable_type(field.args[name].type) if name in field.args else None
        if is_list_type(kind):
            return _length(given.get(name), INPUT_LISTS[get_named_type(kind).name])
    return 1


def _given_arguments(
    node: FieldNode, variables: Mapping[str, Any] | None
) -> Iterator[tuple[str, Any]]:
    """Yield the arguments with a value: a literal, JSON, or a variable without a known value."""
    for argument in node.arguments or ():
        value: Any = argument.value
        if variables is not None and isinstance(value, VariableNode):
            value = variables.get(value.name.value)
        if value is not None and not isinstance(value, NullValueNode):
            yield argument.name.value, value


def _can_be_dry_run(node: FieldNode) -> bool:
    """Return whether `dryRun` is true or a variable. `atMost` does not apply then."""
    given = [argument.value for argument in node.arguments or () if argument.name.value == "dryRun"]
    return any(not isinstance(value, BooleanValueNode) or value.value for value in given)


def _number(value: Any, maximum: int) -> int:
    if isinstance(value, IntValueNode) and len(value.value) < 10:
        value = int(value.value)
    return int(min(max(value, 1), maximum)) if isinstance(value, int | float) else maximum


def _length(value: Any, maximum: int) -> int:
    if isinstance(value, ListValueNode):
        value = value.values
    return min(len(value), maximum) if isinstance(value, list | tuple) else maximum


SIZE_ARGUMENTS: Mapping[str, Callable[[Any], int]] = {
    "first": lambda value: _number(value, MAX_PAGE_SIZE),
    "last": lambda value: _number(value, MAX_PAGE_SIZE),
    "atMost": lambda value: _number(value, BULK_MAX),
    "ids": lambda value: _length(value, BULK_MAX),
}
"""The arguments that determine a list size, clamped to its maximum."""

SIZING_ARGUMENTS = {*SIZE_ARGUMENTS, *INPUTS}


def sizing_variables(node: FieldNode) -> Iterator[str]:
    """Yield the variables that determine the list size of a field."""
    for argument in node.arguments or ():
        if isinstance(argument.value, VariableNode) and argument.name.value in SIZING_ARGUMENTS:
            yield argument.value.name.value


def size_key(value: object) -> Hashable:
    """Return the part of a variable's value that determines a size: the number or the length."""
    if value is None or isinstance(value, int | float):
        return value
    return f"{len(value)} values" if isinstance(value, list) else type(value).__name__


def iter_values(value: ValueNode) -> Iterator[ValueNode]:
    """Yield a variable itself, or all values nested in a literal."""
    pending = [value]
    while pending:
        inner = pending.pop()
        if isinstance(inner, ListValueNode):
            pending += inner.values
        elif isinstance(inner, ObjectValueNode):
            pending += [member.value for member in inner.fields]
        if inner is not value or isinstance(inner, VariableNode):
            yield inner


def count_values(value: object) -> int:
    """Return the number of values nested in a JSON value or in a literal."""
    if isinstance(value, ValueNode):
        return sum(1 for _ in iter_values(value))
    number, pending = 0, [value]
    while pending:
        inner = pending.pop()
        if isinstance(inner, dict):
            inner = list(inner.values())
        if isinstance(inner, list):
            number += len(inner)
            pending += inner
    return number
