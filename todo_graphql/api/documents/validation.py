"""Validation: graphql-core's rules, with an end to their work, and told as this server tells."""

import re
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OverlappingFieldsCanBeMergedRule,
    SelectionSetNode,
    ValidationContext,
    specified_rules,
    validate,
)
from graphql.language.parser import MAX_NESTING_DEPTH
from graphql.validation.validate import ValidationAbortedError

from todo_graphql.api.documents.limits import too_complex
from todo_graphql.errors import ErrorCode, QueryTooComplex

MAX_ERRORS = 20
"""More are not looked for: each may repeat a good part of the document, and look for names that
are like one of its own.
"""

SUGGESTED_SELECTION = re.compile(r" Did you mean '\w+ \{ \.\.\. \}'\?$")


class Validation:
    """The rules that a document must keep. Where introspection is off, what they say names
    nothing that the client has not named.
    """

    def __init__(self, schema: GraphQLSchema, comparisons: int, *, introspection: bool) -> None:
        self._schema = schema
        self._introspection = introspection
        overlaps = _comparing_at_most(comparisons)
        self._rules = [
            overlaps if rule is OverlappingFieldsCanBeMergedRule else rule
            for rule in specified_rules
        ]
        if not introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)

    def errors(self, document: DocumentNode) -> list[GraphQLError]:
        """What is wrong. Raises QueryTooComplex when that takes too much to find out."""
        errors = validate(
            self._schema,
            document,
            self._rules,
            MAX_ERRORS,
            hide_suggestions=not self._introspection,
        )
        return [self._told(error) for error in errors]

    def _told(self, error: GraphQLError) -> GraphQLError:
        if isinstance(error, ValidationAbortedError):
            return _aborted(error)
        if not self._introspection:
            error.message = SUGGESTED_SELECTION.sub("", error.message)
        return with_code(error, ErrorCode.GRAPHQL_VALIDATION_FAILED)


def _aborted(error: ValidationAbortedError) -> GraphQLError:
    """The last error. But for the number of errors, it is the stack that has an end."""
    if error.message.startswith("Too many"):
        sentence = f"There are more errors than these {MAX_ERRORS}."
        return with_code(GraphQLError(sentence), ErrorCode.GRAPHQL_VALIDATION_FAILED)
    raise nested_too_deeply()


def nested_too_deeply() -> QueryTooComplex:
    """What graphql-core does not follow, because the stack has an end."""
    return too_complex("nesting", MAX_NESTING_DEPTH + 1, MAX_NESTING_DEPTH)


def with_code(error: GraphQLError, code: ErrorCode) -> GraphQLError:
    """The error with this code."""
    if error.original_error is not None:
        # Python's own complaint, as about a number of 5,000 digits.
        error = GraphQLError("The document has a value that cannot be read.", error.nodes)
    error.extensions = code.extensions
    return error


def _comparing_at_most(limit: int) -> type[OverlappingFieldsCanBeMergedRule]:
    """The rule that compares every two fields of one name, with a budget for that."""

    class Overlaps(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = limit

        def enter_selection_set(
            self, selection_set: SelectionSetNode, key: Any, parent: Any, *path: Any
        ) -> None:
            try:
                super().enter_selection_set(selection_set, key, parent, *path)
            except ValidationAbortedError:
                left = self.rule_context.remaining_complexity_budget
                if left < 0:
                    raise too_complex("comparisons", limit - left, limit) from None
                raise

    return Overlaps
