"""Problems: everything that may go wrong and may be told to a client.

A Problem is a plain exception with a stable code, the HTTP status that the code
stands for, and one sentence. Whatever is raised and is not a Problem is a bug:
it is logged with the request's id and answered with a sentence that says nothing.
"""

from enum import Enum
from typing import ClassVar


class ErrorCode(Enum):
    """`errors[].extensions.code`: the contract between this server and its clients."""

    UNAUTHENTICATED = (401, "The token is missing, invalid or expired.")
    FORBIDDEN = (403, "`userId` names someone other than the caller.")
    NOT_FOUND = (404, "The task does not exist, or belongs to another user.")
    BAD_USER_INPUT = (400, "An argument breaks a rule; `field` is the path of that argument.")
    CONFLICT = (
        409,
        (
            "The `expectedRevision` is stale, the id is in use with other content, the "
            "`idempotencyKey` came with other arguments before, or more tasks match than `atMost`."
        ),
    )
    GRAPHQL_PARSE_FAILED = (400, "The document is not GraphQL.")
    GRAPHQL_VALIDATION_FAILED = (400, "The document does not fit the schema.")
    QUERY_TOO_COMPLEX = (400, "The document asks for too much; `limit` says what was passed.")
    RATE_LIMITED = (
        429,
        (
            "You have spent what your operations may cost, or there were too many requests without "
            "a good token; nothing was done. Try again after `retryAfter` seconds."
        ),
    )
    UNAVAILABLE = (
        503,
        (
            "The database or the issuer's keys are away, or the server is full; try again after "
            "`retryAfter` seconds."
        ),
    )
    INTERNAL_SERVER_ERROR = (
        500,
        "The server failed; `requestId` finds the reason in its log.",
    )

    def __init__(self, status: int, meaning: str) -> None:
        self.status = status
        self.meaning = meaning

    @property
    def extensions(self) -> dict[str, object]:
        """What every error of this code says of itself."""
        return {"code": self.name, "status": self.status}


class Problem(Exception):  # noqa: N818 - what a client is told is a problem, not an error of ours
    """Something a client may be told. `details` are added to `errors[].extensions`."""

    code: ClassVar[ErrorCode]

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    @property
    def status(self) -> int:
        """The HTTP status to use when this problem is the whole answer."""
        status = self.extensions["status"]
        assert isinstance(status, int)
        return status

    @property
    def extensions(self) -> dict[str, object]:
        """`errors[].extensions`, as GraphQL clients read them."""
        return {**self.code.extensions, **self.details}


class MissingToken(Problem):
    """The request carries no bearer token at all."""

    code = ErrorCode.UNAUTHENTICATED


class InvalidToken(Problem):
    """A bearer token is there, and it is not a good one. The message never says more than why."""

    code = ErrorCode.UNAUTHENTICATED


class Forbidden(Problem):
    """The client itself named another user."""

    code = ErrorCode.FORBIDDEN


class NotFound(Problem):
    """Missing, or someone else's: the two are one, and nothing may tell them apart."""

    code = ErrorCode.NOT_FOUND


class BadUserInput(Problem):
    """An argument breaks a rule. `field` is its path, such as `input.title`."""

    code = ErrorCode.BAD_USER_INPUT


class Conflict(Problem):
    """The world is not what the client expected; nothing was changed."""

    code = ErrorCode.CONFLICT


class QueryTooComplex(Problem):
    """The document asks for more than one request may."""

    code = ErrorCode.QUERY_TOO_COMPLEX


class RateLimited(Problem):
    """Nothing is wrong with the request, and nothing was done: it came too soon."""

    code = ErrorCode.RATE_LIMITED

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, retryAfter=retry_after)
        self.retry_after = retry_after


TOO_LATE = "The answer did not come in time. Try again in a moment."

OUTCOME_UNKNOWN = (
    "The database was lost before it answered: whether this was done is not known. "
    "With the same `id` or `idempotencyKey` it is safe to send it again."
)


class Unavailable(Problem):
    """Nothing is wrong with the request; the same one may work in a moment."""

    code = ErrorCode.UNAVAILABLE

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message, retryAfter=retry_after)
        self.retry_after = retry_after
