"""The GraphQL schema and its execution."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import strawberry
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, OperationType
from graphql.execution import Executor
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from todo_graphql.api.context import Context
from todo_graphql.api.default_values import omit_null_defaults
from todo_graphql.api.documents.cache import (
    Document,
    DocumentCache,
    PreparedDocumentExtension,
    to_graphql_error,
)
from todo_graphql.api.documents.cost import Cost
from todo_graphql.api.documents.limits import Limits, check_limit
from todo_graphql.api.execution.bounded_executor import BoundedExecutor
from todo_graphql.api.execution.error_formatting import (
    ErrorFormatter,
    are_about_variables,
    release_frames,
)
from todo_graphql.api.execution.malformed_rows import replace_malformed_rows
from todo_graphql.api.execution.response_size import (
    COST_CHARACTERS,
    FRAME_CHARACTERS,
    ResponseSize,
    ResponseTooLargeError,
    encode_result,
    response_too_large,
)
from todo_graphql.api.mutations.root import Mutation
from todo_graphql.api.queries import Query
from todo_graphql.api.rejections import refusal_by_transport, unknown_operation
from todo_graphql.api.scalars import DATE, DATE_TIME, Date, DateTime
from todo_graphql.api.sync.subscriptions import Subscription
from todo_graphql.errors import QueryTooComplex, RateLimited
from todo_graphql.settings.environment_variables import ExecutorName

REJECTION_COST = 10
"""The cost of a document that is rejected."""


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """GraphQL request, as the transport parsed it."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    can_write: bool = True
    """False if the operation must not be a mutation."""


class NoSuggestionsExecutor(BoundedExecutor):
    """Executor whose errors do not suggest names of the schema."""

    @classmethod
    def build(cls, *arguments: Any, **options: Any) -> list[GraphQLError] | Executor[Any]:
        """Build the executor without suggestions in errors about variables."""
        return super().build(*arguments, **{**options, "hide_suggestions": True})


class Schema(strawberry.Schema):
    """Strawberry schema with limits, a document cache and the executor."""

    def __init__(
        self,
        limits: Limits,
        *,
        introspection: bool,
        executor: ExecutorName = "projection",
        expose_cost: bool = False,
    ) -> None:
        super().__init__(
            query=Query,
            mutation=Mutation,
            subscription=Subscription,
            extensions=[PreparedDocumentExtension],
            execution_context_class=BoundedExecutor if introspection else NoSuggestionsExecutor,
            config=StrawberryConfig(scalar_map={DateTime: DATE_TIME, Date: DATE}),
        )
        self.graphql_schema: GraphQLSchema = self._schema
        omit_null_defaults(self.graphql_schema)
        self._limits = limits
        self._hides_names = not introspection
        self._errors = ErrorFormatter(self.graphql_schema, introspection=introspection)
        self._uses_projection = executor == "projection"
        self._exposes_cost = expose_cost
        self._frame = FRAME_CHARACTERS + (COST_CHARACTERS if expose_cost else 0)
        self.documents = DocumentCache(self.graphql_schema, limits, introspection=introspection)

    def run(self, request: GraphQLRequest, context: Context) -> ExecutionResult:
        """Execute on the calling thread.

        Every error has a code. An error without a path rejects the request before execution.
        """
        try:
            return self._run(request, context)
        except RateLimited as problem:
            return ExecutionResult(None, [to_graphql_error(problem)])

    def _run(self, request: GraphQLRequest, context: Context) -> ExecutionResult:
        """Execute an operation with a valid document, and reject another one.

        Raises RateLimited. A new document is not parsed if the budget does not cover its rejection.
        """
        document = context.document = self.documents.get(
            request.query, context.viewer.key, lambda: context.require_budget(REJECTION_COST)
        )
        if document.errors:
            return self._reject(document.errors, context)
        variables = request.variables or {}
        operation = document.cost(request.operation_name)
        if operation is None:
            return self._reject([unknown_operation(request.operation_name)], context)
        cost = operation.for_variables(variables)
        context.operation, context.cost = operation.node, cost.total
        refusal = refusal_by_transport(
            operation.node.operation, context, can_write=request.can_write
        )
        if refusal is not None:
            return self._reject([refusal], context)
        context.missing_values = document.missing_values(operation.node, variables)
        context.response_size = ResponseSize(
            self._limits.response_bytes,
            self._frame,
            is_mutation=operation.node.operation is OperationType.MUTATION,
        )
        return self._charge_and_execute(document, request, context, cost)

    def _charge_and_execute(
        self, document: Document, request: GraphQLRequest, context: Context, cost: Cost
    ) -> ExecutionResult:
        """Charge the cost of the operation, execute it, and set the part that can be refunded.

        Raises RateLimited if the cost exceeds the rest of the budget.
        """
        try:
            check_limit("cost", cost.total, self._limits.cost)
            if context.budget is not None:
                check_limit("cost", cost.total, context.budget.limit)
                context.charge(cost.total)
        except QueryTooComplex as problem:
            return self._reject([to_graphql_error(problem)], context)
        try:
            request, result = self._execute_valid_rows(document, request, context)
        except (CannotGetOperationTypeError, InvalidOperationTypeError):
            return ExecutionResult(None, [unknown_operation(request.operation_name)])
        if result.errors:
            result = self._format_errors(result, context, request.variables or {})
        else:
            context.refundable = context.response_size.unreturned(cost.returned)
        if self._exposes_cost:
            actual = cost.total - context.refundable
            result.extensions = {"cost": cost.total, "actualCost": actual}
        return result

    def _format_errors(
        self, result: ExecutionResult, context: Context, variables: Mapping[str, Any]
    ) -> ExecutionResult:
        """Return the result with its errors as a client may see them."""
        given = result.errors or []
        errors = self._errors.format_errors(given, context, variables)
        for error in given:
            release_frames(error)
        result = ExecutionResult(result.data, errors)
        if not context.response_size.has_room_for(errors):
            path = errors[0].path
            result = _too_large_result(context, path[0] if path else None)
        if result.data is None and context.live_read is not None:
            context.live_read.fail()
        return result

    def _reject(self, errors: list[GraphQLError], context: Context) -> ExecutionResult:
        """Charge the cost of a rejection and return the errors."""
        context.charge(REJECTION_COST)
        return ExecutionResult(None, errors)

    def _execute_valid_rows(
        self, document: Document, request: GraphQLRequest, context: Context
    ) -> tuple[GraphQLRequest, ExecutionResult]:
        """Execute, and return the request with its result.

        If malformed rows of a push make the variables invalid, the request is executed with
        placeholders in their place.
        """
        result = self._execute_within_limit(document, request, context)
        if not result.errors or not are_about_variables(result.errors):
            return request, result
        assert context.operation is not None
        variables, context.malformed_rows = replace_malformed_rows(
            self.graphql_schema,
            context.operation,
            request.variables or {},
            hides_names=self._hides_names,
        )
        if not context.malformed_rows:
            return request, result
        for error in result.errors:
            release_frames(error)
        context.missing_values = document.missing_values(context.operation, variables)
        request = replace(request, variables=variables)
        return request, self._execute_within_limit(document, request, context)

    def _execute_within_limit(
        self, document: Document, request: GraphQLRequest, context: Context
    ) -> ExecutionResult:
        """Execute, and return the error of a response that is too large."""
        size = context.response_size
        try:
            result = self._execute(document, request, context)
            return result if size.possible <= size.threshold else encode_result(result, size)
        except ResponseTooLargeError as error:
            return _too_large_result(context, error.key)

    def _execute(
        self, document: Document, request: GraphQLRequest, context: Context
    ) -> ExecutionResult:
        """Execute by projection if there is a plan and no value is missing.

        Otherwise, execute by Strawberry and graphql-core.
        """
        if self._uses_projection and document.plans is not None and not context.missing_values:
            name, variables = request.operation_name, request.variables
            result = document.plans.execute(name, variables, context)
            if result is not None:
                return result
        return self.execute_sync(  # type: ignore[return-value]
            request.query,
            variable_values=request.variables,
            context_value=context,
            operation_name=request.operation_name,
        )

    def process_errors(self, errors: list[GraphQLError], execution_context: object = None) -> None:
        """Suppress Strawberry's log of every error. `ErrorFormatter` logs unexpected errors."""


def _too_large_result(context: Context, key: str | int | None) -> ExecutionResult:
    """Return the result of an operation whose response is too large. `key` names a root field."""
    size = context.response_size
    error = response_too_large(size.limit, key or "data", is_mutation=size.is_mutation)
    return ExecutionResult(None, [error])
