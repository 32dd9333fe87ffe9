"""Answers after which the server hangs up, to what is no request yet."""

import json
from http import HTTPStatus
from typing import NamedTuple

from todo_graphql.errors import ErrorCode
from todo_graphql.server.protections import LINES


class LastWords(NamedTuple):
    """An answer after which the server hangs up."""

    status: HTTPStatus
    answer: bytes


def last_words(status: HTTPStatus, sentence: str) -> LastWords:
    """To what is no request yet, in the shape of all other answers."""
    extensions = {"code": ErrorCode.BAD_USER_INPUT.name, "status": status.value}
    body = json.dumps({"errors": [{"message": sentence, "extensions": extensions}]})
    answer = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n{LINES.decode()}connection: close\r\n\r\n{body}"
    )
    return LastWords(status, answer.encode())
