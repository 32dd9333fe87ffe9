"""Errors of operations that are rejected before their execution."""

from graphql import GraphQLError, OperationType

from todo_graphql.api.context import Context
from todo_graphql.api.documents.cache import to_graphql_error
from todo_graphql.errors import BadUserInput, InputReason


def unknown_operation(name: str | None) -> GraphQLError:
    if name is None:
        sentence = "`operationName` must name one of the operations in the document."
        problem = BadUserInput(
            f"Missing operation: {sentence}", reason=InputReason.REQUIRED, field="operationName"
        )
    else:
        problem = BadUserInput(
            "Unknown operation: `operationName` must name an operation in the document.",
            reason=InputReason.UNKNOWN_VALUE,
            field="operationName",
        )
    return to_graphql_error(problem)


def refusal_by_transport(
    kind: OperationType, context: Context, *, can_write: bool
) -> GraphQLError | None:
    """Return the error of an operation that its transport does not allow, or None."""
    if kind is OperationType.QUERY:
        return None
    if not can_write:
        return _mutation_not_allowed()
    is_streamed = kind is not OperationType.SUBSCRIPTION or context.live_read is not None
    return None if is_streamed else _not_streamed()


def _mutation_not_allowed() -> GraphQLError:
    sentence = "Method not allowed: send mutations by POST. GET executes only queries."
    reason = InputReason.UNSUPPORTED_REQUEST
    return to_graphql_error(BadUserInput(sentence, reason=reason, status=405))


def _not_streamed() -> GraphQLError:
    sentence = (
        "A subscription needs a stream: send `Accept: text/event-stream` (server-sent events) or "
        "`Accept: multipart/mixed;subscriptionSpec=1.0`."
    )
    problem = BadUserInput(sentence, reason=InputReason.UNSUPPORTED_REQUEST, status=406)
    return to_graphql_error(problem)
