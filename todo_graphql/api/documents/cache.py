"""Documents: parsed, limited and validated once, then remembered."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse
from strawberry.extensions import SchemaExtension

from todo_graphql.api.documents.cost import Cost
from todo_graphql.api.documents.limits import Limits, check, refuse_over, too_complex
from todo_graphql.api.documents.validation import Validation, nested_too_deeply, with_code
from todo_graphql.api.execution.executor import OperationExecutor
from todo_graphql.cache import Cache
from todo_graphql.errors import ErrorCode, Problem, QueryTooComplex

CACHE_CHARACTERS = 80_000
"""How much text the remembered documents may have, each as often as it may branch. Parsed and
planned they take about 200 times as much: some 16 MB, for more documents than a front end has.
"""

LEAST_CHARACTERS = 100

TOO_MANY = re.compile(r"^Syntax Error: Document contains more than \d+ (\w+)\. Parsing aborted\.$")
TOO_DEEP = re.compile(r"^Syntax Error: Document is nested too deeply\. Parsing aborted\.$")


@dataclass(frozen=True, slots=True)
class Document:
    """A document that may be executed, unless it has `errors`."""

    characters: int
    node: DocumentNode | None
    errors: list[GraphQLError]
    costs: Mapping[str | None, Cost] = field(default_factory=dict)
    plans: OperationExecutor | None = None

    @property
    def weight(self) -> int:
        """What it counts for in memory: the shortest one takes a few kilobytes, too."""
        characters = self.characters + LEAST_CHARACTERS
        return characters * (1 if self.plans is None else self.plans.branches)

    def cost(self, operation: str | None) -> Cost | None:
        """Of the operation of this name, which may be left out where there is but one. None when
        there is no such operation.
        """
        if operation is None and len(self.costs) == 1:
            (cost,) = self.costs.values()
            return cost
        return self.costs.get(operation)


class Documents:
    """All documents that were seen of late, by their text, valid or not."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._hide_suggestions = not introspection
        self._validation = Validation(schema, limits.comparisons, introspection=introspection)
        self.cache: Cache[str, Document] = Cache(
            CACHE_CHARACTERS, weigh=lambda document: document.weight
        )

    def prepare(self, text: str, before: Callable[[], None] = lambda: None) -> Document:
        """The document of this text. What has to be read comes after a call of `before`."""
        document = self.cache.get(text)
        if document is None:
            before()
            document = self._read(text)
            self.cache.put(text, document)
        return document

    def _read(self, text: str) -> Document:
        try:
            node = self._parse(text)
            costs = check(node, self._schema, self._limits)
            errors = self._validation.errors(node)
        except GraphQLError as error:
            # It is kept, and its traceback would keep all that the parser had in its hands.
            known = with_code(error.with_traceback(None), ErrorCode.GRAPHQL_PARSE_FAILED)
            return Document(len(text), None, [known])
        except QueryTooComplex as problem:
            return Document(len(text), None, [refusal(problem)])
        except RecursionError:
            return Document(len(text), None, [refusal(nested_too_deeply())])
        if errors:
            return Document(len(text), node, errors)
        plans = OperationExecutor(self._schema, node, hide_suggestions=self._hide_suggestions)
        return Document(len(text), node, [], costs, plans)

    def _parse(self, text: str) -> DocumentNode:
        """There may be as many comments as tokens: no token is in a comment."""
        refuse_over("characters", len(text), self._limits.characters)
        most = self._limits.tokens
        try:
            return parse(text, max_lexical_tokens=most, max_comments=most)
        except GraphQLError as error:
            # The parser has one class of errors for what is not GraphQL and for what is too much.
            too_many = TOO_MANY.search(error.message)
            if too_many is not None:
                raise too_complex(too_many[1], most + 1, most) from None
            if TOO_DEEP.search(error.message):
                raise nested_too_deeply() from None
            raise


def refusal(problem: Problem) -> GraphQLError:
    """The problem as an error of the whole request."""
    return GraphQLError(problem.message, extensions=problem.extensions)


class Prepared(SchemaExtension):
    """Hands Strawberry a document that is parsed and valid already, so that it does neither."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def on_operation(self) -> Iterator[None]:
        document = self._documents.prepare(self.execution_context.query or "")
        self.execution_context.graphql_document = document.node
        self.execution_context.pre_execution_errors = []
        yield
