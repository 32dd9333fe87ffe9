"""From the bytes of a request to what it asks, and back from an answer to bytes.

The rules are those of GraphQL over HTTP: https://graphql.github.io/graphql-over-http/draft/
"""

import json
from typing import Any

import msgspec
from graphql import ExecutionResult
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from todo_graphql.api.schema import GraphQLRequest
from todo_graphql.errors import BadUserInput, ErrorCode
from todo_graphql.server.http.content_negotiation import header, require_json
from todo_graphql.server.strict_json import check_nesting, may_exceed_nesting, reject_constant

# msgspec would read faster, but not all that JSON may say: no halves of surrogate pairs, and no
# number that is greater than the greatest float.
DECODER = json.JSONDecoder(parse_constant=reject_constant)
ENCODER = msgspec.json.Encoder()

MAX_DIGITS = 20
"""Of a Content-Length. No longer one is meant seriously."""


async def read_body(request: Request, limit: int) -> bytes:
    """The body, if it is JSON by its header and no longer than `limit` bytes.

    Raises BadUserInput with status 415 or 413.
    """
    require_json(request.scope)
    return await read_at_most(limit, request)


async def read_at_most(limit: int, request: Request) -> bytes:
    """The body. Raises BadUserInput with status 413 as soon as it is known to be longer, and with
    status 415 when it is compressed.
    """
    if (header(request.scope, b"content-encoding") or "identity").lower() != "identity":
        raise BadUserInput("Send the body without a `Content-Encoding`.", status=415)
    # These are digits, or uvicorn would have refused them, but Python does not read thousands.
    declared = header(request.scope, b"content-length") or "0"
    if len(declared) > MAX_DIGITS or int(declared) > limit:
        raise too_long(limit)
    # Not by `stream`: an asynchronous generator takes three times as long for the usual body,
    # which has come with its head.
    body, is_whole = bytearray(), False
    while not is_whole:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        is_whole = not message.get("more_body", False)
        if len(body) > limit:
            raise too_long(limit)
    return bytes(body)


def too_long(limit: int) -> BadUserInput:
    return BadUserInput(f"The body has more than {limit:,} bytes.", status=413)


def parse_graphql_request(body: bytes) -> GraphQLRequest:
    """Return the GraphQL request in a body. Raises BadUserInput with the member that is wrong."""
    try:
        members = DECODER.decode(body.decode())
        if may_exceed_nesting(body):
            check_nesting(members)
    except (ValueError, RecursionError):
        raise BadUserInput(
            "The body is not JSON in UTF-8, or has numbers too long or nesting too deep to read."
        ) from None
    if not isinstance(members, dict):
        raise BadUserInput("The body is not a JSON object with a `query`.")
    query = members.get("query")
    if not isinstance(query, str):
        raise BadUserInput("`query` must be a string: the document.", field="query")
    optional(members, "extensions", dict, "an object")  # nothing of which is known here
    return GraphQLRequest(
        query=query,
        variables=optional(members, "variables", dict, "an object"),
        operation_name=optional(members, "operationName", str, "a string"),
    )


def optional(members: dict[str, Any], name: str, kind: type, called: str) -> Any:
    value = members.get(name)
    if value is not None and not isinstance(value, kind):
        raise BadUserInput(f"`{name}` must be {called}, or null.", field=name)
    return value


def response_to(result: ExecutionResult, media_type: str) -> Response:
    """The answer as JSON. `data` is there only with status 200, as GraphQL over HTTP demands of
    both media types. It would like 294 where there are errors beside data, and 422 where a
    document is not valid: the one no registry knows yet, the other is no part of our contract.
    """
    content: dict[str, object]
    extensions = {"extensions": result.extensions} if result.extensions else {}
    if not result.errors:
        content = {"data": result.data, **extensions}
        return Response(encode(content), media_type=media_type)
    content = {"errors": [error.formatted for error in result.errors]}
    status = status_of(result)
    if status == 200:
        content |= {"data": result.data, **extensions}
    response = Response(encode(content), status, media_type=media_type)
    if status in (ErrorCode.UNAVAILABLE.status, ErrorCode.RATE_LIMITED.status):
        response.headers["Retry-After"] = str(extension(result, "retryAfter") or 1)
    return response


def encode(content: dict[str, object]) -> bytes:
    """Compact JSON. Half a surrogate pair, which an error may quote, is nothing in UTF-8: then
    everything that is not ASCII is escaped.
    """
    try:
        return ENCODER.encode(content)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(content), separators=(",", ":")).encode()


def status_of(result: ExecutionResult) -> int:
    """200 for whatever was executed; else what the first error says.

    Nothing but UNAVAILABLE, with no data at all, is 503: whoever is between the client and
    this server should know, and may try elsewhere.
    """
    nothing = not result.data or all(value is None for value in result.data.values())
    if is_refused(result) or (nothing and error_codes(result) == {ErrorCode.UNAVAILABLE.name}):
        status = extension(result, "status")
        assert isinstance(status, int)
        return status
    return 200


def is_refused(result: ExecutionResult) -> bool:
    """Whether the request itself was wrong: then its errors have no path."""
    return bool(result.errors) and all(error.path is None for error in result.errors or ())


def error_codes(result: ExecutionResult) -> frozenset[str]:
    """Return the codes of all errors in a result."""
    return frozenset(str((error.extensions or {}).get("code")) for error in result.errors or ())


def extension(result: ExecutionResult, name: str) -> object:
    """What the first error says under this name."""
    return ((result.errors or [])[0].extensions or {}).get(name)
