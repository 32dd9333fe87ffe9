"""Responses that the connection sends without the application."""

import json
from http import HTTPStatus
from typing import NamedTuple

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.server.http.security_headers import HEADER_LINES


class RawResponse(NamedTuple):
    """A complete response. The connection closes after it."""

    status: HTTPStatus
    head: bytes
    body: bytes


def raw_error_response(status: HTTPStatus, message: str) -> RawResponse:
    """Return a response in the format of the application's error responses.

    Pages of every origin can read it: it contains no data, and CORS belongs to the application.
    """
    problem = BadUserInput(message, reason=InputReason.UNSUPPORTED_REQUEST, status=status.value)
    body = json.dumps({"errors": [{"message": message, "extensions": problem.extensions}]})
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\naccess-control-allow-origin: *\r\n"
        f"{HEADER_LINES.decode()}connection: close\r\n\r\n"
    )
    return RawResponse(status, head.encode(), body.encode())
