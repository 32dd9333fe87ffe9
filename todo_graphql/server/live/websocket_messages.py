"""Messages of graphql-transport-ws, the subprotocol of graphql-ws.

https://github.com/graphql/graphql-over-http/blob/main/rfcs/GraphQLOverWebSocket.md

graphql-ws connects again after these codes, except for the ones that a repetition does not mend.
"""

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import msgspec
from graphql import ExecutionResult
from starlette.websockets import WebSocketDisconnect

from todo_graphql.errors import BadUserInput, ErrorCode, InvalidToken, Problem
from todo_graphql.server.http.body import (
    encode,
    error_codes,
    is_request_error,
    parse_json,
    response_status,
)
from todo_graphql.server.live import limits
from todo_graphql.server.live.event_reader import payload_of, raise_for_retry

SUBPROTOCOL = "graphql-transport-ws"
LEGACY_SUBPROTOCOL = "graphql-ws"

ACK = '{"type":"connection_ack"}'
PING = '{"type":"ping"}'
PONG = '{"type":"pong"}'


SUBSCRIPTION = re.compile(r"(?:\A|}|^[ \t]*#.*$)[\s,\ufeff]*subscription\b", re.MULTILINE)


class CloseCode(IntEnum):
    """The codes with which the server closes a WebSocket."""

    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_REQUEST = 4400  # final
    UNAUTHORIZED = 4401  # final
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406  # final
    INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_ALREADY_EXISTS = 4409  # final
    TOO_MANY_INITIALISATION_REQUESTS = 4429  # final


class Close(NamedTuple):
    """The code and the reason of a close frame."""

    code: CloseCode
    reason: str


BINARY = Close(CloseCode.BAD_REQUEST, "Send messages as text.")
SILENT = Close(CloseCode.TRY_AGAIN_LATER, "The client has not answered a ping.")
LONG_INIT = Close(CloseCode.BAD_REQUEST, "The first message is too long.")
LATE_INIT = Close(CloseCode.INITIALISATION_TIMEOUT, "Connection initialisation timeout.")
SECOND_INIT = Close(CloseCode.TOO_MANY_INITIALISATION_REQUESTS, "Too many initialisation requests.")
NOT_INITIALISED = Close(CloseCode.UNAUTHORIZED, "Send `connection_init` first.")
# The client knows its ids: they are not repeated.
DUPLICATE_ID = Close(CloseCode.SUBSCRIBER_ALREADY_EXISTS, "Subscriber already exists for this id.")
RESTART = Close(CloseCode.SERVICE_RESTART, "The server is shutting down.")
TOO_SLOW = Close(CloseCode.TRY_AGAIN_LATER, "The client reads too slowly.")


class SocketClosed(Exception):  # noqa: N818 - control flow
    """The server closes the WebSocket."""

    def __init__(self, close: Close) -> None:
        super().__init__(close.reason)
        self.close = close


class ClientTooSlow(WebSocketDisconnect):
    """The client reads too slowly, and is disconnected."""


class ClientMessage(NamedTuple):
    """A message of a client. `id` is empty for the types that have none."""

    type: str
    id: str
    payload: dict[str, object] | None


class Outcome(NamedTuple):
    """The result of an execution as JSON: a `next` payload, or that of an `error`.

    The status is that of the same response over HTTP.
    """

    body: bytes
    is_error: bool
    status: int


def parse_message(text: str) -> ClientMessage:
    """Parse a message of a client. Raises SocketClosed for one that is not of the protocol."""
    try:
        content = parse_json(text.encode())
    except (BadUserInput, UnicodeEncodeError):
        raise _bad_request("The message is not JSON, or is nested too deeply") from None
    if not isinstance(content, dict):
        raise _bad_request("The message must be a JSON object")
    kind, operation_id, payload = (content.get(name) for name in ("type", "id", "payload"))
    if kind not in ("connection_init", "ping", "pong", "subscribe", "complete"):
        raise _bad_request("Unknown message type")
    if payload is not None and not isinstance(payload, dict):
        raise _bad_request("`payload` must be an object")
    if kind in ("subscribe", "complete"):
        if (
            not isinstance(operation_id, str)
            or not 0 < len(operation_id) <= limits.MAX_ID_CHARACTERS
        ):
            raise _bad_request(f"`id` must be a string of 1 to {limits.MAX_ID_CHARACTERS}")
        if kind == "subscribe" and payload is None:
            raise _bad_request("`payload` must be an object")
        return ClientMessage(kind, operation_id, payload)
    return ClientMessage(kind, "", payload)


def token_of(message: ClientMessage) -> str | None:
    """Return the token in the payload of `connection_init`, or None if it has none.

    Raises InvalidToken.
    """
    payload = message.payload or {}
    given = [payload[name] for name in ("Authorization", "authorization") if name in payload]
    if not given:
        return None
    scheme, _, token = given[0].partition(" ") if isinstance(given[0], str) else ("", "", "")
    if len(given) > 1 or scheme.lower() != "bearer" or not token:
        raise InvalidToken('Send a token: `{"Authorization": "Bearer <token>"}`.')
    return token.strip()


def may_be_subscription(query: object) -> bool:
    """Return whether the document probably contains a subscription.

    It begins with one, or has one behind a definition or a comment. The document is parsed later,
    on a worker thread.
    """
    return isinstance(query, str) and SUBSCRIPTION.search(query) is not None


def _bad_request(reason: str) -> SocketClosed:
    return SocketClosed(Close(CloseCode.BAD_REQUEST, f"{reason}."))


def outcome_of(result: ExecutionResult, *, is_subscription: bool) -> Outcome:
    """Return the result. Raises Unavailable for a subscription that is to be repeated."""
    if is_subscription and error_codes(result) == {ErrorCode.UNAVAILABLE.name}:
        raise_for_retry(result)
    if is_request_error(result):
        errors = [error.formatted for error in result.errors or ()]
        return errors_outcome(errors, response_status(result))
    return Outcome(payload_of(result), is_error=False, status=response_status(result))


def problem_outcome(problem: Problem) -> Outcome:
    error = {"message": problem.message, "extensions": problem.extensions}
    return errors_outcome([error], problem.status)


def errors_outcome(errors: Sequence[object], status: int) -> Outcome:
    body = encode({"errors": errors})[len(b'{"errors":') : -1]
    return Outcome(body, is_error=True, status=status)


def next_message(operation_id: str, body: bytes) -> str:
    return _message("next", operation_id, body)


def error_message(operation_id: str, body: bytes) -> str:
    return _message("error", operation_id, body)


def complete_message(operation_id: str) -> str:
    return encode({"type": "complete", "id": operation_id}).decode()


def _message(kind: str, operation_id: str, body: bytes) -> str:
    return encode({"type": kind, "id": operation_id, "payload": msgspec.Raw(body)}).decode()
