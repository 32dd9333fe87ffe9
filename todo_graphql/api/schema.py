"""The schema: built, executed, printed."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, EnumMeta
from typing import Any, cast

import strawberry
from graphql import (
    ExecutionResult,
    GraphQLArgument,
    GraphQLError,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
)
from graphql.execution import Executor
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from todo_graphql.api.context import Context
from todo_graphql.api.documents.cache import Document, Documents, Prepared, refusal
from todo_graphql.api.documents.limits import Limits, refuse_over
from todo_graphql.api.error_formatting import format_error
from todo_graphql.api.mutations import Mutation
from todo_graphql.api.queries import Query
from todo_graphql.api.scalars import DATE, DATE_TIME, Date, DateTime
from todo_graphql.errors import BadUserInput, ErrorCode, QueryTooComplex, RateLimited
from todo_graphql.settings.variables import ExecutorName

# The codes are part of the contract, so the SDL has them, although no field answers one.
_CODES = {
    code.name: strawberry.enum_value(code.name, description=code.meaning) for code in ErrorCode
}
ERROR_CODE = strawberry.enum(
    cast("EnumMeta", Enum("ErrorCode", _CODES)),
    description="What `errors[].extensions.code` may be.",
)


COST_OF_A_REFUSAL = 10
"""Of a document that cannot be executed."""


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """One GraphQL request, as the transport parsed it."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


class NoSuggestionsExecutionContext(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's execution, which names nothing of the schema that a client has not named."""

    @classmethod
    def build(cls, *arguments: Any, **options: Any) -> list[GraphQLError] | Executor[Any]:
        """As its own, without suggestions for what variables hold."""
        return super().build(*arguments, **{**options, "hide_suggestions": True})


class Schema(strawberry.Schema):
    """The schema, its memory of documents, and the one way to execute an operation: `run`."""

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
            types=[ERROR_CODE],
            extensions=[lambda: Prepared(self.documents)],
            execution_context_class=None if introspection else NoSuggestionsExecutionContext,
            config=StrawberryConfig(scalar_map={DateTime: DATE_TIME, Date: DATE}),
        )
        self.graphql_schema: GraphQLSchema = self._schema
        omit_null_defaults(self.graphql_schema)
        self._limits = limits
        self._projects = executor == "projection"
        self._exposes_cost = expose_cost
        self.documents = Documents(self.graphql_schema, limits, introspection=introspection)

    def run(self, request: GraphQLRequest, context: Context) -> ExecutionResult:
        """Execute on the calling thread. Every error of the answer has a code; one without a
        path is about the request, and then nothing was executed.
        """
        try:
            return self._run(request, context)
        except RateLimited as problem:
            return ExecutionResult(None, [refusal(problem)])

    def _run(self, request: GraphQLRequest, context: Context) -> ExecutionResult:
        """Raises RateLimited. A document that is new is not even read for whoever could not pay
        for its refusal.
        """
        document = self.documents.prepare(request.query, lambda: context.require(COST_OF_A_REFUSAL))
        if document.errors:
            return self._refuse(document.errors, context)
        variables = request.variables or {}
        operation = document.cost(request.operation_name)
        if operation is None:
            return self._refuse([_no_such_operation(request.operation_name)], context)
        context.operation, context.cost = operation.node, operation.for_variables(variables)
        try:
            self._charge(context, context.cost)
        except QueryTooComplex as problem:
            return self._refuse([refusal(problem)], context)
        try:
            result = self._execute(document, request, context)
        except (CannotGetOperationTypeError, InvalidOperationTypeError):
            return ExecutionResult(None, [_no_such_operation(request.operation_name)])
        errors = [
            format_error(error, context.request_id, document.node) for error in result.errors or ()
        ]
        extensions = {"cost": context.cost} if self._exposes_cost else None
        return ExecutionResult(result.data, errors or None, extensions)

    def _refuse(self, errors: list[GraphQLError], context: Context) -> ExecutionResult:
        """For a document that is not executed, and had to be read all the same."""
        context.charge(COST_OF_A_REFUSAL)
        return ExecutionResult(None, errors)

    def _charge(self, context: Context, cost: int) -> None:
        """Raises QueryTooComplex for what can never pass, and RateLimited for what cannot now."""
        refuse_over("cost", cost, self._limits.cost)
        if context.budget is not None:
            refuse_over("cost", cost, context.budget.limit)
            context.charge(cost)

    def _execute(
        self, document: Document, request: GraphQLRequest, context: Context
    ) -> ExecutionResult:
        """By projection, if there is a plan for it; else by Strawberry and graphql-core."""
        if self._projects and document.plans is not None:
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
        """Strawberry would log each error, a client's typing mistakes among them; `present` logs
        those that need it.
        """


def _no_such_operation(name: str | None) -> GraphQLError:
    sentence = (
        "The document has several operations: `operationName` must name one of them."
        if name is None
        else "Unknown operation: `operationName` must name an operation in the document."
    )
    return refusal(BadUserInput(sentence, field="operationName"))


def omit_null_defaults(schema: GraphQLSchema) -> None:
    """Print `first: Int`, not `first: Int = null`: Python's default for "not given" is no part
    of the contract.
    """
    for value in arguments_and_input_fields(schema):
        if value.default_value is None:
            value.default_value = Undefined


def arguments_and_input_fields(
    schema: GraphQLSchema,
) -> Iterator[GraphQLArgument | GraphQLInputField]:
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            yield from kind.fields.values()
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for output in kind.fields.values():
                yield from output.args.values()
