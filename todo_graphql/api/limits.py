"""What a document may ask for, decided before it is validated.

Validation compares fields with each other, so a document must be known to be small before
it starts. Everything here is linear in the document: a fragment is measured once, however
often it is spread.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from todo_graphql.errors import QueryTooComplex
from todo_graphql.store.changes import BULK_DEFAULT, BULK_MAX
from todo_graphql.store.creation import CREATE_MAX
from todo_graphql.store.overview import MAX_TAGS
from todo_graphql.store.pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

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


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one document may have."""

    tokens: int
    depth: int
    cost: int


@dataclass(frozen=True, slots=True)
class Size:
    """How deep a selection goes, how many fields it answers at most and values it is asked with,
    and how often each variable is used for that.
    """

    depth: int = 0
    cost: int = 0
    uses: Mapping[str, int] = field(default_factory=dict)


def check(document: DocumentNode, schema: GraphQLSchema, limits: Limits) -> Mapping[str, int]:
    """How often an operation of the document uses each variable. Raises QueryTooComplex when one
    passes a limit.
    """
    measure = Measure(document, schema)
    uses: dict[str, int] = {}
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            root = schema.get_root_type(definition.operation)
            size = measure.selection(definition.selection_set, root)
            refuse_over("depth", size.depth, limits.depth)
            refuse_over("cost", size.cost, limits.cost)
            uses |= {name: max(times, uses.get(name, 0)) for name, times in size.uses.items()}
    return uses


def check_variables(
    uses: Mapping[str, int], variables: Mapping[str, object], limits: Limits
) -> None:
    """Raises QueryTooComplex when the values of the variables, each as often as it is used, are
    more than a document may cost: each has to be read.
    """
    values = sum(times * number_of_values(variables.get(name)) for name, times in uses.items())
    refuse_over("cost", values, limits.cost)


def number_of_values(value: object) -> int:
    """How many values there are below a value of JSON, however deep."""
    number, left = 0, [value]
    while left:
        inner = left.pop()
        if isinstance(inner, dict):
            inner = list(inner.values())
        if isinstance(inner, list):
            number += len(inner)
            left += inner
    return number


def refuse_over(name: str, value: int, limit: int) -> None:
    """Raises QueryTooComplex with the limit, its name and what the document has."""
    if value > limit:
        raise QueryTooComplex(
            f"The document is too complex: its {name} is more than {limit}.",
            limit=limit,
            limitName=name,
        )


class Measure:
    """Measures selections of one document. It may be invalid: what does not exist has no size."""

    def __init__(self, document: DocumentNode, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._known: dict[tuple[str, int], Size] = {}

    def selection(
        self, selection_set: SelectionSetNode | None, on: GraphQLNamedType | None, items: int = 1
    ) -> Size:
        """The size of a selection on an object of type `on`, whose lists have so many items."""
        depth = cost = 0
        uses: Counter[str] = Counter()
        for node in selection_set.selections if selection_set else ():
            if isinstance(node, FieldNode):
                size = self._field(node, on, items)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                inner = self._schema.get_type(condition.name.value) if condition else on
                size = self.selection(node.selection_set, inner, items)
            else:
                assert isinstance(node, FragmentSpreadNode)
                size = self._fragment(node.name.value, items)
            depth, cost = max(depth, size.depth), cost + size.cost
            uses.update(size.uses)
        return Size(depth, cost, uses)

    def _field(self, node: FieldNode, on: GraphQLNamedType | None, items: int) -> Size:
        fields: dict[str, GraphQLField] = getattr(on, "fields", {})
        definition = fields.get(node.name.value)
        inner = None if definition is None else get_named_type(definition.type)
        inside = 1 if definition is None else answered(node, definition)
        times = 1 if definition is None else times_answered(definition, items)
        below = self.selection(node.selection_set, inner, inside)
        uses = Counter({name: times * number for name, number in below.uses.items()})
        own = 1 + STATEMENTS.get(f"{on}.{node.name.value}", 0)
        for argument in node.arguments or ():
            for value in values_in(argument.value):
                own += not isinstance(value, VariableNode)
                uses.update([value.name.value] if isinstance(value, VariableNode) else ())
        return Size(below.depth + 1, own + times * below.cost, uses)

    def _fragment(self, name: str, items: int) -> Size:
        key = name, items
        if key not in self._known:
            # Until it is measured it has no size, so that a fragment may spread itself here:
            # validation will refuse it.
            self._known[key] = Size()
            fragment = self._fragments.get(name)
            if fragment is not None:
                inner = self._schema.get_type(fragment.type_condition.name.value)
                self._known[key] = self.selection(fragment.selection_set, inner, items)
        return self._known[key]


def times_answered(field: GraphQLField, items: int) -> int:
    """How often what is below a field is answered: once, or for each item of a list."""
    if not is_list_type(get_nullable_type(field.type)):
        return 1
    return UNPAGED.get(get_named_type(field.type).name, items)


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


def answered(node: FieldNode, field: GraphQLField) -> int:
    """How many items the lists of what a field answers have at most, by its arguments. A
    variable may say anything, so it counts as the most.
    """
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    sizes = [size(given[name]) for name, size in SIZES.items() if name in given]
    if "first" in field.args:
        return max(sizes, default=DEFAULT_PAGE_SIZE)
    if "atMost" in field.args:
        return max(sizes, default=BULK_DEFAULT)
    several = "input" in field.args and is_list_type(get_nullable_type(field.args["input"].type))
    return _length(given.get("input"), CREATE_MAX) if several else 1


def _number(value: ValueNode, most: int) -> int:
    if isinstance(value, IntValueNode) and len(value.value) < 10:
        return min(max(int(value.value), 1), most)
    return most


def _length(value: ValueNode | None, most: int) -> int:
    return min(len(value.values), most) if isinstance(value, ListValueNode) else most


SIZES: Mapping[str, Callable[[ValueNode], int]] = {
    "first": lambda value: _number(value, MAX_PAGE_SIZE),
    "last": lambda value: _number(value, MAX_PAGE_SIZE),
    "atMost": lambda value: _number(value, BULK_MAX),
    "ids": lambda value: _length(value, BULK_MAX),
}
UNPAGED = {"TagCount": MAX_TAGS}
"""Lists without pages, by what they are of, and the most that they have."""
