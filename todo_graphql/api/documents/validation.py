"""Validation of documents by graphql-core's rules, with a limit on their work."""

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

from todo_graphql.api.documents.hidden_names import hide_names
from todo_graphql.api.documents.limits import too_complex
from todo_graphql.errors import ErrorCode, QueryTooComplex

MAX_ERRORS = 20
"""The maximum number of errors. Each may quote a large part of the document and search for
similar names.
"""

PYTHON_NULL = "not to be None."
"""The end of graphql-core's message about a null literal."""


class Validator:
    """Validation rules of the server.

    Without introspection, errors do not reveal names of the schema.
    """

    def __init__(self, schema: GraphQLSchema, comparisons: int, *, introspection: bool) -> None:
        self._schema = schema
        self._introspection = introspection
        overlaps = _limited_overlap_rule(comparisons)
        self._rules = [
            overlaps if rule is OverlappingFieldsCanBeMergedRule else rule
            for rule in specified_rules
        ]
        if not introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)

    def validate(self, document: DocumentNode) -> list[GraphQLError]:
        """Return the errors of a document. Raise QueryTooComplex at the limit of the work."""
        errors = validate(
            self._schema,
            document,
            self._rules,
            MAX_ERRORS,
            hide_suggestions=not self._introspection,
        )
        return [self._format(error) for error in errors]

    def _format(self, error: GraphQLError) -> GraphQLError:
        if isinstance(error, ValidationAbortedError):
            return _format_aborted(error)
        if error.message.endswith(PYTHON_NULL):
            error.message = error.message.removesuffix(PYTHON_NULL) + "not to be null."
        if not self._introspection:
            error.message = hide_names(error.message)
        return with_code(error, ErrorCode.GRAPHQL_VALIDATION_FAILED)


def _format_aborted(error: ValidationAbortedError) -> GraphQLError:
    """Return the last error. Raise QueryTooComplex if the nesting aborted the validation."""
    if error.message.startswith("Too many"):
        message = f"Too many errors: only the first {MAX_ERRORS} are listed."
        return with_code(GraphQLError(message), ErrorCode.GRAPHQL_VALIDATION_FAILED)
    raise nested_too_deeply()


def nested_too_deeply() -> QueryTooComplex:
    """Return the error for nesting beyond the stack limit of graphql-core."""
    return too_complex("nesting", MAX_NESTING_DEPTH + 1, MAX_NESTING_DEPTH)


def with_code(error: GraphQLError, code: ErrorCode) -> GraphQLError:
    if error.original_error is not None:
        # An error of Python, such as for a number of 5,000 digits.
        error = GraphQLError("The document contains a value that cannot be parsed.", error.nodes)
    error.extensions = code.extensions
    return error


def _limited_overlap_rule(limit: int) -> type[OverlappingFieldsCanBeMergedRule]:
    """Return the rule that compares fields of one name, with a limit on comparisons."""

    class LimitedOverlapRule(OverlappingFieldsCanBeMergedRule):
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

    return LimitedOverlapRule
