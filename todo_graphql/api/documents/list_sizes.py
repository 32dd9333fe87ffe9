"""Pages: how many items a field answers at most, and how many values it is asked with."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from graphql import (
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

from todo_graphql.store.tasks.cursors import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from todo_graphql.store.tasks.inserts import CREATE_MAX
from todo_graphql.store.tasks.overview import MAX_TAGS
from todo_graphql.store.tasks.updates import BULK_DEFAULT, BULK_MAX

UNPAGED = {"TagCount": MAX_TAGS}
"""Lists without pages, by what they are of, and the most that they have."""


def times_answered(field: GraphQLField, items: int) -> int:
    """How often what is below a field is answered: once, or for each item of a list."""
    if not is_list_type(get_nullable_type(field.type)):
        return 1
    return UNPAGED.get(get_named_type(field.type).name, items)


def answered(
    node: FieldNode, field: GraphQLField, variables: Mapping[str, Any] | None = None
) -> int:
    """How many items the lists of what a field answers have at most, by its arguments. Where the
    variables are not known, one counts as the most that it may say.
    """
    given = dict(_given(node, variables))
    sizes = [size(given[name]) for name, size in SIZES.items() if name in given]
    if "first" in field.args:
        return max(sizes, default=DEFAULT_PAGE_SIZE)
    if "atMost" in field.args:
        return max(sizes, default=BULK_DEFAULT)
    several = "input" in field.args and is_list_type(get_nullable_type(field.args["input"].type))
    return _length(given.get("input"), CREATE_MAX) if several else 1


def _given(node: FieldNode, variables: Mapping[str, Any] | None) -> Iterator[tuple[str, Any]]:
    """The arguments that have a value: literals, JSON, or a variable that is not known."""
    for argument in node.arguments or ():
        value: Any = argument.value
        if variables is not None and isinstance(value, VariableNode):
            value = variables.get(value.name.value)
        if value is not None and not isinstance(value, NullValueNode):
            yield argument.name.value, value


def _number(value: Any, most: int) -> int:
    if isinstance(value, IntValueNode) and len(value.value) < 10:
        value = int(value.value)
    return int(min(max(value, 1), most)) if isinstance(value, int | float) else most


def _length(value: Any, most: int) -> int:
    if isinstance(value, ListValueNode):
        value = value.values
    return min(len(value), most) if isinstance(value, list | tuple) else most


SIZES: Mapping[str, Callable[[Any], int]] = {
    "first": lambda value: _number(value, MAX_PAGE_SIZE),
    "last": lambda value: _number(value, MAX_PAGE_SIZE),
    "atMost": lambda value: _number(value, BULK_MAX),
    "ids": lambda value: _length(value, BULK_MAX),
}
"""The arguments that say how many, and what they say: more than the most is refused later."""

SIZING = {*SIZES, "input"}


def sizing_variables(node: FieldNode) -> Iterator[str]:
    """The variables that say how many items the field answers."""
    for argument in node.arguments or ():
        if isinstance(argument.value, VariableNode) and argument.name.value in SIZING:
            yield argument.value.name.value


def said_by(value: object) -> Hashable:
    """All that a variable's value says of a size: the number, or how many there are."""
    if value is None or isinstance(value, int | float):
        return value
    return f"{len(value)} values" if isinstance(value, list) else type(value).__name__


def values_in(value: ValueNode) -> Iterator[ValueNode]:
    """The variable, or all values below a literal, however deep."""
    left = [value]
    while left:
        inner = left.pop()
        if isinstance(inner, ListValueNode):
            left += inner.values
        elif isinstance(inner, ObjectValueNode):
            left += [member.value for member in inner.fields]
        if inner is not value or isinstance(inner, VariableNode):
            yield inner


def number_of_values(value: object) -> int:
    """How many values there are below a value of JSON, or below a literal, however deep."""
    if isinstance(value, ValueNode):
        return sum(1 for _ in values_in(value))
    number, left = 0, [value]
    while left:
        inner = left.pop()
        if isinstance(inner, dict):
            inner = list(inner.values())
        if isinstance(inner, list):
            number += len(inner)
            left += inner
    return number
