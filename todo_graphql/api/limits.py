"""What a document may ask for, decided before it is validated.

Validation compares fields with each other, so a document must be known to be small before
it starts. Everything here is linear in the document: a fragment is measured once, however
often it is spread.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from todo_graphql.errors import QueryTooComplex
from todo_graphql.store.changes import BULK_DEFAULT, BULK_MAX
from todo_graphql.store.creation import CREATE_MAX
from todo_graphql.store.overview import MAX_TAGS
from todo_graphql.store.pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one document may have."""

    tokens: int
    depth: int
    cost: int


@dataclass(frozen=True, slots=True)
class Size:
    """How deep a selection goes, and how many fields it answers at most."""

    depth: int = 0
    cost: int = 0


def check(document: DocumentNode, schema: GraphQLSchema, limits: Limits) -> None:
    """Raises QueryTooComplex when an operation of the document passes a limit."""
    measure = Measure(document, schema)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            root = schema.get_root_type(definition.operation)
            size = measure.selection(definition.selection_set, root)
            refuse_over("depth", size.depth, limits.depth)
            refuse_over("cost", size.cost, limits.cost)


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
        self._known: dict[str, Size] = {}

    def selection(
        self, selection_set: SelectionSetNode | None, on: GraphQLNamedType | None
    ) -> Size:
        """The size of a selection on an object of type `on`."""
        depth = cost = 0
        for node in selection_set.selections if selection_set else ():
            if isinstance(node, FieldNode):
                size = self._field(node, on)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                inner = self._schema.get_type(condition.name.value) if condition else on
                size = self.selection(node.selection_set, inner)
            else:
                assert isinstance(node, FragmentSpreadNode)
                size = self._fragment(node.name.value)
            depth, cost = max(depth, size.depth), cost + size.cost
        return Size(depth, cost)

    def _field(self, node: FieldNode, on: GraphQLNamedType | None) -> Size:
        fields: dict[str, GraphQLField] = getattr(on, "fields", {})
        field = fields.get(node.name.value)
        inner = None if field is None else get_named_type(field.type)
        below = self.selection(node.selection_set, inner)
        items = 1 if field is None else answered(node, field)
        return Size(below.depth + 1, 1 + items * below.cost)

    def _fragment(self, name: str) -> Size:
        if name not in self._known:
            # Until it is measured it has no size, so that a fragment may spread itself here:
            # validation will refuse it.
            self._known[name] = Size()
            fragment = self._fragments.get(name)
            if fragment is not None:
                inner = self._schema.get_type(fragment.type_condition.name.value)
                self._known[name] = self.selection(fragment.selection_set, inner)
        return self._known[name]


def answered(node: FieldNode, field: GraphQLField) -> int:
    """How many items a field answers at most, by its arguments. A variable may say anything, so
    it counts as the most.
    """
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    sizes = [size(given[name]) for name, size in SIZES.items() if name in given]
    if "first" in field.args:
        return max(sizes, default=DEFAULT_PAGE_SIZE)
    if "atMost" in field.args:
        return max(sizes, default=BULK_DEFAULT)
    if is_list_type(get_nullable_type(field.type)) and get_named_type(field.type).name in UNPAGED:
        return UNPAGED[get_named_type(field.type).name]
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
