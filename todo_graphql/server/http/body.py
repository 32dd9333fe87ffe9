"""Request bodies, and GraphQL requests and responses as JSON.

Both follow GraphQL over HTTP: https://graphql.github.io/graphql-over-http/draft/
"""

import json
from collections.abc import Hashable
from typing import Any

import msgspec
from graphql import ExecutionResult
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from todo_graphql.api.schema import GraphQLRequest
from todo_graphql.errors import (
    OUTCOME_UNKNOWN,
    BadUserInput,
    ErrorCode,
    InputReason,
    PersistedQueryNotSupported,
)
from todo_graphql.server.http.body_budget import SMALL_BODY_BYTES, BodyBudget
from todo_graphql.server.http.content_negotiation import (
    RETRY_STATUSES,
    header,
    require_json,
    retry_type,
)
from todo_graphql.server.http.query_string import parse_parameters
from todo_graphql.server.strict_json import decode_json

ENCODER = msgspec.json.Encoder()

JSON_PARAMETERS = frozenset({"variables", "extensions"})
PARAMETERS = JSON_PARAMETERS | {"query", "operationName"}
"""The parameters of GET /graphql."""

METHOD_NOT_ALLOWED = 405

MAX_LENGTH_DIGITS = 20
"""The most digits of a Content-Length: Python does not parse integers of thousands of digits."""


async def read_body(request: Request, limit: int, budget: BodyBudget, owner: Hashable) -> bytes:
    """Return a JSON body of at most `limit` bytes. A large one takes a share of the budget.

    Raises BadUserInput with status 415, or with status 413 as soon as the body exceeds the limit.
    Raises Unavailable if the share exceeds a budget.
    """
    require_json(request.scope)
    declared_length(request, limit)
    # Request.stream is slower for a short body (decision 0017).
    body, is_whole, share = bytearray(), False, None
    while not is_whole:
        message = await (request.receive() if share is None else share.receive(request))
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        is_whole = not message.get("more_body", False)
        if len(body) > limit:
            raise body_too_large(limit)
        if len(body) > SMALL_BODY_BYTES:
            share = share or budget.share(request, owner)
            share.grow(len(body))
    return bytes(body)


def declared_length(request: Request, limit: int) -> int | None:
    """Return the length that the head declares, if it does.

    Raises BadUserInput with status 413 for a length above the limit, and with status 415 for a
    compressed body.
    """
    if (header(request.scope, b"content-encoding") or "identity").lower() != "identity":
        raise BadUserInput(
            "Unsupported content encoding: send the body without `Content-Encoding`.",
            reason=InputReason.UNSUPPORTED_REQUEST,
            status=415,
        )
    declared = header(request.scope, b"content-length")
    if declared is None:
        return None
    if len(declared) > MAX_LENGTH_DIGITS or int(declared) > limit:
        raise body_too_large(limit)
    return int(declared)


def body_too_large(limit: int) -> BadUserInput:
    return BadUserInput(
        f"The body is too large: it can contain at most {limit:,} bytes.",
        reason=InputReason.TOO_LARGE,
        status=413,
        max=limit,
    )


def parse_graphql_request(body: bytes) -> GraphQLRequest:
    """Return the GraphQL request in a body.

    Raises BadUserInput with the name of a bad member, or PersistedQueryNotSupported.
    """
    members = parse_json(body)
    if not isinstance(members, dict):
        raise BadUserInput(
            "The body must be a JSON object with a `query`.", reason=InputReason.INVALID_TYPE
        )
    return to_graphql_request(members)


def parse_json(body: bytes) -> object:
    """Parse JSON strictly. Raises BadUserInput."""
    try:
        content: object = decode_json(body)
    except ValueError:
        raise BadUserInput(
            "The body is not JSON in UTF-8, has two members of one name, or exceeds the limits of "
            "numbers, values or nesting.",
            reason=InputReason.INVALID_FORMAT,
        ) from None
    return content


def parse_url_request(query_string: bytes) -> GraphQLRequest:
    """Return the GraphQL request in the query string of a URL, which can only read.

    An empty value counts as absent. Raises BadUserInput with the name of a bad parameter, or
    PersistedQueryNotSupported.
    """
    given = parse_parameters(query_string, PARAMETERS)
    members: dict[str, Any] = {name: value for name, value in given.items() if value}
    for name in JSON_PARAMETERS & members.keys():
        try:
            members[name] = decode_json(members[name].encode())
        except ValueError:
            raise BadUserInput(
                f"`{name}` is not JSON, or exceeds the limits of numbers or nesting.",
                reason=InputReason.INVALID_FORMAT,
                field=name,
            ) from None
    return to_graphql_request(members, can_write=False)


def to_graphql_request(members: dict[str, Any], *, can_write: bool = True) -> GraphQLRequest:
    """Return the GraphQL request with these members.

    Raises BadUserInput with the name of a bad one, or PersistedQueryNotSupported.
    """
    extensions = optional_member(members, "extensions", dict, "an object")
    query = members.get("query")
    if query is None and extensions and extensions.get("persistedQuery") is not None:
        raise PersistedQueryNotSupported
    if not isinstance(query, str):
        raise BadUserInput(
            "`query` must be a string that contains the document.",
            reason=InputReason.REQUIRED if query is None else InputReason.INVALID_TYPE,
            field="query",
        )
    return GraphQLRequest(
        query=query,
        variables=optional_member(members, "variables", dict, "an object"),
        operation_name=optional_member(members, "operationName", str, "a string"),
        can_write=can_write,
    )


def optional_member(members: dict[str, Any], name: str, kind: type, kind_name: str) -> Any:
    value = members.get(name)
    if value is not None and not isinstance(value, kind):
        raise BadUserInput(
            f"`{name}` must be {kind_name} or null.", reason=InputReason.INVALID_TYPE, field=name
        )
    return value


def response_to(result: ExecutionResult, media_type: str, scope: Scope) -> Response:
    """Return the response to an executed request.

    `data` requires status 200 for both media types. The draft recommends 294 for data with errors,
    which is not registered, and 422 for an invalid document, which is 400 here.
    """
    content: dict[str, object]
    extensions = {"extensions": result.extensions} if result.extensions else {}
    if not result.errors:
        content = {"data": result.data, **extensions}
        return Response(encode(content), media_type=media_type)
    content = {"errors": [error.formatted for error in result.errors]}
    status = response_status(result)
    if status == 200:
        content |= {"data": result.data, **extensions}
    if status in RETRY_STATUSES and not is_outcome_unknown(result):
        media_type = retry_type(scope)
    response = Response(encode(content), status, media_type=media_type)
    if status == METHOD_NOT_ALLOWED:
        response.headers["Allow"] = "POST"
    if status in RETRY_STATUSES:
        response.headers["Retry-After"] = str(first_extension(result, "retryAfter") or 1)
    return response


def encode(content: dict[str, object]) -> bytes:
    """Return compact JSON.

    UTF-8 cannot encode a lone surrogate, which an error may quote: it is escaped, and the other
    members, which may be encoded already, are not.
    """
    try:
        return ENCODER.encode(content)
    except UnicodeEncodeError:
        members = {name: msgspec.Raw(encode_escaped(value)) for name, value in content.items()}
        return ENCODER.encode(members)


def encode_escaped(value: object) -> bytes:
    try:
        return ENCODER.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="backslashreplace")


def response_status(result: ExecutionResult) -> int:
    """Return 200 for an executed request, and the status of the first error for a request error.

    A result without data whose only errors are UNAVAILABLE is 503, so that proxies can retry it.
    """
    is_empty = not result.data or all(value is None for value in result.data.values())
    is_unavailable = is_empty and error_codes(result) == {ErrorCode.UNAVAILABLE.name}
    if is_request_error(result) or is_unavailable:
        status = first_extension(result, "status")
        assert isinstance(status, int)
        return status
    return 200


def is_request_error(result: ExecutionResult) -> bool:
    """Return whether execution did not begin: request errors have no path."""
    return bool(result.errors) and all(error.path is None for error in result.errors or ())


def is_outcome_unknown(result: ExecutionResult) -> bool:
    """Return whether a write may have been executed although the result does not tell."""
    return any(error.message == OUTCOME_UNKNOWN for error in result.errors or ())


def error_codes(result: ExecutionResult) -> frozenset[str]:
    return frozenset(str((error.extensions or {}).get("code")) for error in result.errors or ())


def first_extension(result: ExecutionResult, name: str) -> object:
    """Return an extension of the first error."""
    return ((result.errors or [])[0].extensions or {}).get(name)
