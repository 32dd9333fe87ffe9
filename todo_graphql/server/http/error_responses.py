"""Error responses in the format of GraphQL, for errors outside of an execution."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Scope

from todo_graphql.errors import (
    OUTCOME_UNKNOWN,
    BadUserInput,
    ErrorCode,
    InputReason,
    InvalidToken,
    MissingToken,
    NotFound,
    PersistedQueryNotSupported,
    Problem,
    RateLimited,
    Unavailable,
)
from todo_graphql.server.http.content_negotiation import (
    JSON,
    RETRY_STATUSES,
    error_type,
    retry_type,
)
from todo_graphql.server.observability.request_record import request_record

REALM = 'Bearer realm="todo-graphql"'

MESSAGES = {
    "Not Found": "Unknown path: the API is at /graphql.",
    "Method Not Allowed": "Method not allowed: use a method that the `Allow` header lists.",
}
"""Messages in place of Starlette's."""


def problem_response(problem: Problem, scope: Scope) -> JSONResponse:
    extensions = problem.extensions
    if isinstance(problem, PersistedQueryNotSupported) and error_type(scope) == JSON:
        # Apollo's RetryLink would repeat the hash after any other status (decision 0024).
        extensions["status"] = 200
    return error_response(problem.message, extensions, scope, headers_of(problem))


def error_response(
    message: str,
    extensions: Mapping[str, object],
    scope: Scope,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a response with one error, in the media type that the request accepts.

    The HTTP status is in the extensions of the error.
    """
    request_record(scope).codes = frozenset({str(extensions["code"])})
    errors = [{"message": message, "extensions": dict(extensions)}]
    status = extensions["status"]
    assert isinstance(status, int)
    may_be_repeated = status in RETRY_STATUSES and message != OUTCOME_UNKNOWN
    media_type = retry_type(scope) if may_be_repeated else error_type(scope)
    return JSONResponse({"errors": errors}, status, dict(headers or {}), media_type)


def headers_of(problem: Problem) -> dict[str, str]:
    """Return the headers that the error needs.

    Only an invalid token has `error` in its challenge (RFC 6750, section 3.1).
    """
    if isinstance(problem, MissingToken):
        return {"WWW-Authenticate": REALM}
    if isinstance(problem, InvalidToken):
        description = problem.message.replace('"', "'")
        return {
            "WWW-Authenticate": f'{REALM}, error="invalid_token", error_description="{description}"'
        }
    if isinstance(problem, Unavailable | RateLimited):
        return {"Retry-After": str(problem.retry_after)}
    if problem.status in (408, 413):
        # The rest of the body is not read.
        return {"Connection": "close"}
    return {}


def server_error(request_id: str, scope: Scope) -> JSONResponse:
    """Return the response to an unexpected error. The log has the traceback under this id."""
    extensions = {**ErrorCode.INTERNAL_SERVER_ERROR.extensions, "requestId": request_id}
    return error_response("Something went wrong on the server.", extensions, scope)


async def on_problem(request: Request, problem: Exception) -> JSONResponse:
    """Handle a Problem that is raised outside of GraphQL."""
    assert isinstance(problem, Problem)
    return problem_response(problem, request.scope)


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Handle an error of Starlette, such as an unknown path."""
    assert isinstance(error, HTTPException)
    message = MESSAGES.get(error.detail, error.detail)
    problem = (
        NotFound(message)
        if error.status_code == ErrorCode.NOT_FOUND.status
        else BadUserInput(message, reason=InputReason.UNSUPPORTED_REQUEST, status=error.status_code)
    )
    return error_response(message, problem.extensions, request.scope, error.headers)
