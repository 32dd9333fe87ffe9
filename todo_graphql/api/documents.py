"""Documents: parsed, limited and validated once, then remembered."""

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cachetools import LRUCache
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from strawberry.extensions import SchemaExtension

from todo_graphql.api.execution.operations import Operations
from todo_graphql.api.limits import Limits, check
from todo_graphql.errors import ErrorCode, Problem

CACHE_CHARACTERS = 150_000
"""How much text the remembered documents may have, each as often as it may branch. Parsed and
planned they take about 200 times as much: some 30 MB, for more documents than a front end has.
"""

PARSER_GAVE_UP = re.compile(r"^Syntax Error: Document .*\. Parsing aborted\.$")


@dataclass(frozen=True, slots=True)
class Document:
    """A document that may be executed, unless it has `errors`."""

    characters: int
    node: DocumentNode | None
    errors: list[GraphQLError]
    uses: Mapping[str, int] = field(default_factory=dict)
    plans: Operations | None = None

    @property
    def weight(self) -> int:
        """What it counts for in memory."""
        return self.characters * (1 if self.plans is None else self.plans.branches)

    @property
    def operations(self) -> int:
        """How many operations it has, of which a request executes one."""
        definitions = self.node.definitions if self.node else ()
        return sum(isinstance(definition, OperationDefinitionNode) for definition in definitions)


class Documents:
    """All documents that were seen of late, by their text, valid or not."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._introspection = introspection
        hidden = () if introspection else (NoSchemaIntrospectionCustomRule,)
        self._rules = [*specified_rules, *hidden]
        self._cache: LRUCache[str, Document] = LRUCache(
            CACHE_CHARACTERS, getsizeof=lambda document: document.weight
        )
        self._lock = threading.Lock()

    def prepare(self, text: str) -> Document:
        """The document of this text."""
        with self._lock:
            known = self._cache.get(text)
        if known is not None:
            return known
        document = self._read(text)
        if document.weight <= CACHE_CHARACTERS:
            with self._lock:
                self._cache[text] = document
        return document

    def _read(self, text: str) -> Document:
        try:
            node = parse(text, max_lexical_tokens=self._limits.tokens)
            uses = check(node, self._schema, self._limits)
            errors = validate(
                self._schema, node, self._rules, hide_suggestions=not self._introspection
            )
        except GraphQLError as error:
            return Document(len(text), None, [_with_code(error, _code_of(error))])
        except Problem as problem:
            refused = GraphQLError(problem.message, extensions=problem.extensions)
            return Document(len(text), None, [refused])
        except RecursionError:
            too_deep = GraphQLError("The document is nested too deeply.")
            return Document(len(text), None, [_with_code(too_deep, ErrorCode.QUERY_TOO_COMPLEX)])
        invalid = [_with_code(error, ErrorCode.GRAPHQL_VALIDATION_FAILED) for error in errors]
        plans = None if invalid else Operations(self._schema, node)
        return Document(len(text), node, invalid, uses, plans)


def _code_of(error: GraphQLError) -> ErrorCode:
    """The parser has one error class for what is not GraphQL and for what is too long or deep."""
    if PARSER_GAVE_UP.search(error.message):
        return ErrorCode.QUERY_TOO_COMPLEX
    return ErrorCode.GRAPHQL_PARSE_FAILED


def _with_code(error: GraphQLError, code: ErrorCode) -> GraphQLError:
    if error.original_error is not None:
        # Python's own complaint, as about a number of 5,000 digits.
        error = GraphQLError("The document has a value that cannot be read.", error.nodes)
    error.extensions = code.extensions
    return error


class Prepared(SchemaExtension):
    """Hands Strawberry a document that is parsed and valid already, so that it does neither."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def on_operation(self) -> Iterator[None]:
        document = self._documents.prepare(self.execution_context.query or "")
        self.execution_context.graphql_document = document.node
        self.execution_context.pre_execution_errors = []
        yield
