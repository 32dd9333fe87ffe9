"""The limits of a document, which are checked before its validation.

Validation compares fields with each other, so a document must be known to be small before
it starts. One walk measures it (sizes.py). What is left of comparing has a limit of its own,
which validation stops at.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    OperationDefinitionNode,
)

from todo_graphql.api.documents.cost import MAX_MEASUREMENTS, Cost, Measure, Size, TooMuchToMeasure
from todo_graphql.errors import QueryTooComplex
from todo_graphql.settings.settings import Settings

MAX_CHARACTERS = 65_536

MAX_FIELDS = 500
"""The fields of a fragment count wherever it is spread, like its aliases and directives."""

MAX_ALIASES = 150

MAX_ROOT_FIELDS = 100
"""Of all operations of a document together."""

MAX_DIRECTIVES = 100

MAX_FRAGMENTS = 80
"""Fragments that a document defines."""

MAX_COMPARISONS = 10_000
"""The work to compare fields that are selected twice and may differ: two for each pair of fields of
one name, and for each pair of fragments.
"""

GREATEST = 2**53 - 1
"""The greatest whole number that all clients read: 80 fragments may stand for 2^80 fields."""


SINGULAR = frozenset({"depth", "cost", "nesting"})


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one document. Settings explain the cost, the depth and the tokens."""

    cost: int
    depth: int
    tokens: int
    characters: int = MAX_CHARACTERS
    fields: int = MAX_FIELDS
    aliases: int = MAX_ALIASES
    root_fields: int = MAX_ROOT_FIELDS
    directives: int = MAX_DIRECTIVES
    fragments: int = MAX_FRAGMENTS
    comparisons: int = MAX_COMPARISONS

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the limits of a server."""
        return cls(settings.max_query_cost, settings.max_query_depth, settings.max_query_tokens)


def check(
    document: DocumentNode, schema: GraphQLSchema, limits: Limits
) -> Mapping[str | None, Cost]:
    """What the operations of a document cost, by their names. Raises QueryTooComplex when the
    document passes a limit whatever its variables are.
    """
    fragments = sum(
        isinstance(definition, FragmentDefinitionNode) for definition in document.definitions
    )
    # The first, because the walk goes as deep as fragments spread each other.
    refuse_over("fragments", fragments, limits.fragments)
    measure = Measure(document, schema)
    try:
        operations = [(node, measure.operation(node)) for node in _operations_of(document)]
        total = measure.unused()
    except TooMuchToMeasure:
        raise too_complex("fragments", MAX_MEASUREMENTS + 1, MAX_MEASUREMENTS) from None
    for _, size in operations:
        total.add(size)
    _refuse_over_any(total, sum(size.width for _, size in operations), limits)
    for _, size in operations:
        if not size.sized_by:
            refuse_over("cost", size.cost, limits.cost)
    return {
        node.name.value if node.name else None: Cost(document, schema, node, size)
        for node, size in operations
    }


def _operations_of(document: DocumentNode) -> Iterator[OperationDefinitionNode]:
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            yield definition


def _refuse_over_any(total: Size, root_fields: int, limits: Limits) -> None:
    refuse_over("depth", total.depth, limits.depth)
    refuse_over("rootFields", root_fields, limits.root_fields)
    refuse_over("aliases", total.aliases, limits.aliases)
    refuse_over("directives", total.directives, limits.directives)
    refuse_over("fields", total.fields, limits.fields)


def refuse_over(name: str, value: int, limit: int) -> None:
    """Raises QueryTooComplex when the value is more than the limit."""
    if value > limit:
        raise too_complex(name, value, limit)


def too_complex(name: str, value: int, limit: int) -> QueryTooComplex:
    """The refusal, with the limit, its name and what the document has. Where that was not
    counted to the end, the value is how far it was.
    """
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    verb = "is" if name in SINGULAR else "are"
    return QueryTooComplex(
        f"The document is too complex: its {words} {verb} more than {limit}.",
        limit=limit,
        limitName=name,
        value=min(value, GREATEST),
    )
