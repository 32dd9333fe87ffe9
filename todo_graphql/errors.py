"""Expected errors. A Problem is one that clients see, with a stable code and an HTTP status.

Every other exception is a bug. The server logs it and answers with INTERNAL_SERVER_ERROR.
"""

from enum import Enum
from typing import ClassVar, Self


class ErrorCode(Enum):
    """`errors[].extensions.code`, which clients may rely on."""

    UNAUTHENTICATED = (401, "The token is missing, invalid or expired.")
    FORBIDDEN = (403, "`userId` names a user other than the caller.")
    NOT_FOUND = (404, "The task does not exist or belongs to another user.")
    BAD_USER_INPUT = (
        400,
        (
            "An argument is invalid. `field` is the path of the argument, `reason` the kind of the "
            "problem, and `problems` has all problems of the input."
        ),
    )
    CONFLICT = (
        409,
        (
            "The `expectedRevision` is stale, the id is in use with different content or is that "
            "of a permanently deleted task, the `idempotencyKey` was already used with different "
            "arguments, or more than `atMost` tasks match. `reason` distinguishes the cases, and "
            "`task` is the task as it is now, as far as the mutation selects it."
        ),
    )
    QUOTA_EXCEEDED = (
        403,
        (
            "The write would exceed a limit of the user's storage. Nothing was changed. "
            "`limitName` is the limit, `limit` its value, `used` the part in use and `requested` "
            "what the write adds."
        ),
    )
    GRAPHQL_PARSE_FAILED = (400, "The document has a syntax error.")
    GRAPHQL_VALIDATION_FAILED = (400, "The document is not valid for the schema.")
    PERSISTED_QUERY_NOT_SUPPORTED = (
        400,
        (
            "The request has the hash of a document, and no `query`. Send the text of the "
            "document. Apollo Client and urql do so by themselves. The status is 200 in "
            "`application/json`."
        ),
    )
    QUERY_TOO_COMPLEX = (
        400,
        (
            "The document or its response exceeds a limit. `limitName` is the limit and `limit` "
            "its value."
        ),
    )
    RATE_LIMITED = (
        429,
        (
            "The caller exceeded the rate limit, or an address sent too many requests without a "
            "valid token. Nothing was changed. Retry after `retryAfter` seconds."
        ),
    )
    UNAVAILABLE = (
        503,
        (
            "The database or the issuer's keys are unavailable, the server is overloaded, the "
            "caller has too many imports, exports or unread responses, or the request timed out. "
            "Retry after `retryAfter` seconds."
        ),
    )
    INTERNAL_SERVER_ERROR = (
        500,
        "The server failed. `requestId` identifies the request in its log.",
    )

    def __init__(self, status: int, meaning: str) -> None:
        self.status = status
        self.meaning = meaning

    @property
    def extensions(self) -> dict[str, object]:
        """Return the extensions that all errors of this code have."""
        return {"code": self.name, "status": self.status}


class InputReason(Enum):
    """`errors[].extensions.reason` of BAD_USER_INPUT."""

    REQUIRED = "A value is required, and is missing or null."
    UNKNOWN_FIELD = "The input has no such field."
    TOO_LONG = "The text is too long. `max` is the greatest number of characters."
    TOO_SHORT = "The text is too short. `min` is the least number of visible characters."
    TOO_LARGE = "The body or the file is too large. `max` is the greatest number of bytes."
    TOO_MANY = "The list or the input has too many items. `max` is the greatest number."
    TOO_FEW = "The list has too few items. `min` is the least number."
    TOO_DEEP = "The value is nested too deeply. `max` is the greatest number of levels."
    OUT_OF_RANGE = "The number or the time is out of range. `min` and `max` are its bounds."
    INVALID_TYPE = "The value has the wrong type."
    INVALID_FORMAT = "The text does not have the format of its type, such as a UUID or a date."
    INVALID_CHARACTERS = "The text contains characters that are not allowed."
    UNKNOWN_VALUE = "The value is not one of the known values."
    DUPLICATE = "The value occurs more than once."
    NOT_COMBINABLE = "The value cannot be combined with another value."
    MISMATCH = "The value does not belong to the value that it refers to."
    UNSUPPORTED_REQUEST = "The HTTP request cannot be processed. `status` distinguishes the cases."


class ConflictReason(Enum):
    """`errors[].extensions.reason` of CONFLICT."""

    STALE = "The task has changed since `expectedRevision`."
    ID_TAKEN = "The id is in use with different content."
    KEY_REUSED = "The `idempotencyKey` was already used with different arguments."
    TOO_MANY = "The filter matches more tasks than `atMost`."
    PURGED = "The id is that of a task that was permanently deleted."


class ExpectedError(Exception):
    """Error that is no bug. A command prints its sentence without a traceback."""


class Problem(ExpectedError):  # noqa: N818 - the term of RFC 9457
    """Error that a client may see. `details` are added to `errors[].extensions`."""

    code: ClassVar[ErrorCode]

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    @property
    def status(self) -> int:
        """Return the HTTP status of a response that consists of this problem."""
        status = self.extensions["status"]
        assert isinstance(status, int)
        return status

    @property
    def extensions(self) -> dict[str, object]:
        """Return `errors[].extensions`."""
        return {**self.code.extensions, **self.details}


class MissingToken(Problem):
    """The request has no bearer token."""

    code = ErrorCode.UNAUTHENTICATED


class InvalidToken(Problem):
    """The bearer token is not valid. The message gives only the reason."""

    code = ErrorCode.UNAUTHENTICATED


class Forbidden(Problem):
    """An argument names another user."""

    code = ErrorCode.FORBIDDEN


class NotFound(Problem):
    """The task is missing or belongs to another user. The response does not distinguish them."""

    code = ErrorCode.NOT_FOUND


class BadUserInput(Problem):
    """An argument is invalid.

    `field` is its path, such as `input.title`; `min` and `max` are the bounds that it exceeds.
    `problems` are this problem and the others of the same input.
    """

    code = ErrorCode.BAD_USER_INPUT

    def __init__(self, message: str, *, reason: InputReason, **details: object) -> None:
        super().__init__(message, **details)
        self.reason = reason
        self._others: list[BadUserInput] = []

    @property
    def problems(self) -> "list[BadUserInput]":
        return [self, *self._others]

    def joined(self, others: "list[BadUserInput]") -> Self:
        """Return this problem with others of the same input."""
        self._others = others
        return self

    @property
    def extensions(self) -> dict[str, object]:
        """Return `errors[].extensions`."""
        return {
            **self.code.extensions,
            "reason": self.reason.name,
            **self.details,
            "problems": [problem.entry for problem in self.problems],
        }

    @property
    def entry(self) -> dict[str, object]:
        """Return the element of `problems` that describes this problem."""
        line, field, least, most = map(self.details.get, ("line", "field", "min", "max"))
        members = {
            "line": line,
            "field": field,
            "reason": self.reason.name,
            "min": least,
            "max": most,
            "message": self.message,
        }
        return {name: value for name, value in members.items() if value is not None}


class Conflict(Problem):
    """The state differs from the state that the client expects. Nothing was changed.

    `task` is the row of the task that the client does not expect, if there is one.
    """

    code = ErrorCode.CONFLICT

    def __init__(
        self, message: str, *, reason: ConflictReason, task: object = None, **details: object
    ) -> None:
        super().__init__(message, **details)
        self.reason = reason
        self.task = task

    @property
    def extensions(self) -> dict[str, object]:
        """Return `errors[].extensions`."""
        return {**self.code.extensions, "reason": self.reason.name, **self.details}


class QuotaExceeded(Problem):
    """The write would exceed a limit of the user's storage. Nothing was changed."""

    code = ErrorCode.QUOTA_EXCEEDED

    def __init__(self, message: str, *, name: str, limit: int, used: int, requested: int) -> None:
        super().__init__(message, limitName=name, limit=limit, used=used, requested=requested)


class PersistedQueryNotSupported(Problem):
    """The request has the hash of a document in place of its text."""

    code = ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotSupported")  # urql compares the message


class QueryTooComplex(Problem):
    """The document or its response exceeds a limit."""

    code = ErrorCode.QUERY_TOO_COMPLEX


class RateLimited(Problem):
    """The client exceeded a rate limit. Nothing was executed."""

    code = ErrorCode.RATE_LIMITED

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, retryAfter=retry_after)
        self.retry_after = retry_after


TOO_LATE = "The request timed out. Try again later."
UNAVAILABLE = "The database is unavailable. Try again in a moment."

OUTCOME_UNKNOWN = (
    "The outcome is unknown: the connection to the database was lost before it responded. "
    "A retry with the same `id` or `idempotencyKey` is safe."
)


class Unavailable(Problem):
    """The server cannot process the request now. A retry may succeed."""

    code = ErrorCode.UNAVAILABLE

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message, retryAfter=retry_after)
        self.retry_after = retry_after
