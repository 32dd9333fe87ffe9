"""Document cache: each document is parsed, checked and validated once for each user."""

import re
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    parse,
)
from strawberry.extensions import SchemaExtension

from todo_graphql.api.documents.cost import OperationCost
from todo_graphql.api.documents.limits import Limits, check_document, check_limit, too_complex
from todo_graphql.api.documents.required_values import (
    NOTHING_MISSING,
    MissingValues,
    RequiredValues,
)
from todo_graphql.api.documents.shared_cache import SharedCache
from todo_graphql.api.documents.validation import Validator, nested_too_deeply, with_code
from todo_graphql.api.execution.executor import OperationExecutor
from todo_graphql.errors import ErrorCode, Problem, QueryTooComplex

CACHE_CHARACTERS = 160_000
"""The total length of cached documents, times their plans. They take about 200 times as much
memory, 32 MB.
"""

OWNER_CHARACTERS = 40_000
"""The part of it for the documents of one user."""

MIN_CHARACTERS = 100

MAX_ENTRIES = 30_000
"""The maximum number of pairs of a user and a document: about 7 MB."""

TOO_MANY = re.compile(r"^Syntax Error: Document contains more than \d+ (\w+)\. Parsing aborted\.$")
TOO_DEEP = re.compile(r"^Syntax Error: Document is nested too deeply\. Parsing aborted\.$")


@dataclass(frozen=True, slots=True)
class Document:
    """Parsed document. It is executable unless it has `errors`."""

    characters: int
    node: DocumentNode | None
    errors: list[GraphQLError]
    costs: Mapping[str | None, OperationCost] = field(default_factory=dict)
    required_values: Mapping[str | None, RequiredValues] = field(default_factory=dict)
    """The required values of each mutation."""
    plans: OperationExecutor | None = None

    @property
    def weight(self) -> int:
        """Return the memory weight. Even the shortest document takes a few kilobytes."""
        characters = self.characters + MIN_CHARACTERS
        return characters * (1 if self.plans is None else self.plans.branches)

    def cost(self, operation: str | None) -> OperationCost | None:
        """Return the cost of an operation, or None if the document does not have it.

        The name is optional for a single operation.
        """
        if operation is None and len(self.costs) == 1:
            (cost,) = self.costs.values()
            return cost
        return self.costs.get(operation)

    def missing_values(
        self, operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> MissingValues:
        """Return the missing values of a mutation's root fields, by their names in the response."""
        required = self.required_values.get(operation.name.value if operation.name else None)
        return NOTHING_MISSING if required is None else required.find_missing(variables)


LONG_TURN_SECONDS = 0.01
"""The time from which on the preparation of a document is followed by a rest. Most take less."""

REST = 2
"""The rest after a long turn, in times of the turn."""


class PreparationTurn:
    """The turn of one thread at a time to prepare a document, which takes up to 50 ms.

    Several at once would keep the interpreter from warm requests. After a long turn, the next one
    begins REST times as long after it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next_at = 0.0

    def __enter__(self) -> None:
        self._lock.acquire()
        time.sleep(max(0.0, self._next_at - time.monotonic()))
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        now = time.monotonic()
        if now - self._began > LONG_TURN_SECONDS:
            self._next_at = now + REST * (now - self._began)
        self._lock.release()


class DocumentCache:
    """Cache of recent documents by user and text, valid or not."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._hide_suggestions = not introspection
        self._validator = Validator(schema, limits.comparisons, introspection=introspection)
        self._turn = PreparationTurn()
        self.cache: SharedCache[Document] = SharedCache(
            CACHE_CHARACTERS, OWNER_CHARACTERS, MAX_ENTRIES, weigh=lambda document: document.weight
        )

    def get(
        self, text: str, owner: Hashable, on_miss: Callable[[], None] = lambda: None
    ) -> Document:
        """Return the document of a text. `on_miss` runs before a text new to the owner is prepared.

        The time does not depend on other owners: a miss returns a document of its own.
        """
        document = self.cache.get(owner, text)
        if document is None:
            on_miss()
            with self._turn:
                document = self.prepare(text)
            self.cache.put(owner, text, document)
        return document

    def prepare(self, text: str) -> Document:
        """Parse, check and validate a text."""
        try:
            node = self._parse(text)
            costs = check_document(node, self._schema, self._limits)
            errors = self._validator.validate(node)
        except GraphQLError as error:
            # A cached traceback would keep the state of the parser alive.
            failed = with_code(error.with_traceback(None), ErrorCode.GRAPHQL_PARSE_FAILED)
            return Document(len(text), None, [failed])
        except QueryTooComplex as problem:
            return Document(len(text), None, [to_graphql_error(problem)])
        except RecursionError:
            return Document(len(text), None, [to_graphql_error(nested_too_deeply())])
        if errors:
            return Document(len(text), node, errors)
        plans = OperationExecutor(self._schema, node, hide_suggestions=self._hide_suggestions)
        required = {
            name: RequiredValues(self._schema, node, cost.node)
            for name, cost in costs.items()
            if cost.node.operation is OperationType.MUTATION
        }
        return Document(len(text), node, [], costs, required, plans)

    def _parse(self, text: str) -> DocumentNode:
        """Parse a text. The token limit also applies to comments, which the lexer skips."""
        check_limit("characters", len(text), self._limits.characters)
        limit = self._limits.tokens
        try:
            return parse(text, max_lexical_tokens=limit, max_comments=limit)
        except GraphQLError as error:
            # The parser uses one class of errors for syntax errors and for exceeded limits.
            too_many = TOO_MANY.search(error.message)
            if too_many is not None:
                raise too_complex(too_many[1], limit + 1, limit) from None
            if TOO_DEEP.search(error.message):
                raise nested_too_deeply() from None
            raise


def to_graphql_error(problem: Problem) -> GraphQLError:
    """Return the problem as an error of the whole request."""
    return GraphQLError(problem.message, extensions=problem.extensions)


class PreparedDocumentExtension(SchemaExtension):
    """Strawberry extension that supplies the parsed and validated document of the context."""

    def on_operation(self) -> Iterator[None]:
        document: Document = self.execution_context.context.document
        self.execution_context.graphql_document = document.node
        self.execution_context.pre_execution_errors = []
        yield
