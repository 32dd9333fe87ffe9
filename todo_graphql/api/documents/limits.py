"""Limits of a document, checked before its validation.

Validation compares fields pairwise, so a document must be small before it starts. One traversal
measures the document (cost.py). The comparisons have a limit of their own in the validation.
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

from todo_graphql.api.documents.cost import (
    MAX_MEASUREMENTS,
    DocumentMeasurer,
    OperationCost,
    SelectionSize,
    TooManyMeasurementsError,
)
from todo_graphql.errors import QueryTooComplex
from todo_graphql.settings.settings import Settings

MAX_CHARACTERS = 65_536

MAX_FIELDS = 500
"""Fields, aliases and directives of a fragment count wherever it is spread."""

MAX_ALIASES = 150

MAX_ROOT_FIELDS = 100
"""The maximum over all operations of a document together."""

MAX_DIRECTIVES = 100

MAX_FRAGMENTS = 80
"""The maximum number of fragment definitions."""

MAX_COMPARISONS = 10_000
"""The work to compare duplicate fields: two for each pair of fields of one name, and for each
pair of fragments.
"""

MAX_SAFE_INTEGER = 2**53 - 1
"""The maximum integer that all JSON clients read. 80 fragments can expand to 2^80 fields."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one document and its response. The settings document the first four of them."""

    cost: int
    depth: int
    tokens: int
    response_bytes: int
    characters: int = MAX_CHARACTERS
    fields: int = MAX_FIELDS
    aliases: int = MAX_ALIASES
    root_fields: int = MAX_ROOT_FIELDS
    directives: int = MAX_DIRECTIVES
    fragments: int = MAX_FRAGMENTS
    comparisons: int = MAX_COMPARISONS

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(
            settings.max_query_cost,
            settings.max_query_depth,
            settings.max_query_tokens,
            settings.max_response_bytes,
        )


def check_document(
    document: DocumentNode, schema: GraphQLSchema, limits: Limits
) -> Mapping[str | None, OperationCost]:
    """Return the costs of the operations by name.

    Raises QueryTooComplex if the document exceeds a limit regardless of its variables.
    """
    fragments = sum(
        isinstance(definition, FragmentDefinitionNode) for definition in document.definitions
    )
    # Checked first: the traversal recurses along the spreads of fragments.
    check_limit("fragments", fragments, limits.fragments)
    measurer = DocumentMeasurer(document, schema)
    try:
        operations = [(node, measurer.measure(node)) for node in _iter_operations(document)]
        total = measurer.measure_unused_fragments()
    except TooManyMeasurementsError:
        raise too_complex("fragments", MAX_MEASUREMENTS + 1, MAX_MEASUREMENTS) from None
    for _, size in operations:
        total.add(size)
    _check_size(total, sum(size.width for _, size in operations), limits)
    for _, size in operations:
        if not size.sized_by:
            check_limit("cost", size.cost, limits.cost)
    return {
        node.name.value if node.name else None: OperationCost(document, schema, node, size)
        for node, size in operations
    }


def _iter_operations(document: DocumentNode) -> Iterator[OperationDefinitionNode]:
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            yield definition


def _check_size(total: SelectionSize, root_fields: int, limits: Limits) -> None:
    check_limit("depth", total.depth, limits.depth)
    check_limit("rootFields", root_fields, limits.root_fields)
    check_limit("aliases", total.aliases, limits.aliases)
    check_limit("directives", total.directives, limits.directives)
    check_limit("fields", total.fields, limits.fields)


def check_limit(name: str, value: int, limit: int) -> None:
    """Raise QueryTooComplex if the value exceeds the limit."""
    if value > limit:
        raise too_complex(name, value, limit)


def too_complex(name: str, value: int, limit: int) -> QueryTooComplex:
    """Return the error for an exceeded limit. `value` may be a lower bound."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return QueryTooComplex(
        f"The document is too complex: the limit for its {words} is {limit}.",
        limit=limit,
        limitName=name,
        value=min(value, MAX_SAFE_INTEGER),
    )
