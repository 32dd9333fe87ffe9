"""Translation of PostgreSQL's errors: constraints by name, outages by SQLSTATE.

The text of a database error can contain SQL and user data, so it reaches neither a client nor a
log.
"""

import re
from functools import partial

import psycopg2
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from todo_graphql.errors import UNAVAILABLE, BadUserInput, ExpectedError, InputReason, Unavailable
from todo_graphql.store.models import (
    DESCRIPTION_MAX_LENGTH,
    IDEMPOTENCY_KEY_MAX_LENGTH,
    TASK_MAX_TAGS,
    TITLE_MAX_LENGTH,
)
from todo_graphql.store.validation import ONE_DUE_DATE, TOO_MANY_TAGS

CONSTRAINTS: dict[str, partial[BadUserInput]] = {
    "ck_tasks_title_length": partial(
        BadUserInput,
        f"A title must have 1 to {TITLE_MAX_LENGTH} characters.",
        reason=InputReason.TOO_LONG,
        field="title",
        min=1,
        max=TITLE_MAX_LENGTH,
    ),
    "ck_tasks_description_length": partial(
        BadUserInput,
        f"A description must have at most {DESCRIPTION_MAX_LENGTH:,} characters.",
        reason=InputReason.TOO_LONG,
        field="description",
        max=DESCRIPTION_MAX_LENGTH,
    ),
    "ck_tasks_priority_range": partial(
        BadUserInput, "Unknown priority.", reason=InputReason.UNKNOWN_VALUE, field="priority"
    ),
    "ck_tasks_due_exclusive": partial(
        BadUserInput, ONE_DUE_DATE, reason=InputReason.NOT_COMBINABLE, field="dueAt"
    ),
    "ck_tasks_tags_number": partial(
        BadUserInput,
        TOO_MANY_TAGS,
        reason=InputReason.TOO_MANY,
        field="input.addTags",
        max=TASK_MAX_TAGS,
    ),
    "ck_idempotency_keys_key_length": partial(
        BadUserInput,
        f"An idempotency key must have 1 to {IDEMPOTENCY_KEY_MAX_LENGTH} characters.",
        reason=InputReason.TOO_LONG,
        field="idempotencyKey",
        min=1,
        max=IDEMPOTENCY_KEY_MAX_LENGTH,
    ),
}
"""The errors of the check constraints, by their names."""

# https://www.postgresql.org/docs/current/errcodes-appendix.html
CONNECTION_EXCEPTION = "08"
INSUFFICIENT_RESOURCES = "53"
OPERATOR_INTERVENTION = "57P"
QUERY_CANCELED = "57014"
INSUFFICIENT_PRIVILEGE = "42501"
LOCK_NOT_AVAILABLE = "55P03"
CHECK_VIOLATION = "23514"
CONSTRAINT_NAME = re.compile(r'"(ck_\w+)"')
SERIALIZATION_OR_DEADLOCK = ("40001", "40P01")
# A table (42P01) or the role (22023) does not exist.
NOT_MIGRATED_STATES = ("42P01", "22023")
UNAVAILABLE_STATES = (
    CONNECTION_EXCEPTION,
    INSUFFICIENT_RESOURCES,
    OPERATOR_INTERVENTION,
    QUERY_CANCELED,
    LOCK_NOT_AVAILABLE,
    *SERIALIZATION_OR_DEADLOCK,
)


class UnexpectedDatabaseError(ExpectedError):
    """Database error without a translation. The message has the SQLSTATE, and no SQL."""

    def __init__(self, kind: str, state: str | None, constraint: str | None) -> None:
        super().__init__(f"{kind} (SQLSTATE {state}, constraint {constraint})")
        self.state = state


class NotMigratedError(UnexpectedDatabaseError):
    """The tables or the role `todo_app` do not exist."""

    def __str__(self) -> str:
        return "The database is not migrated: run `todo-graphql migrate`."


def translate_error(error: DBAPIError) -> Exception:
    """Return the exception to raise instead: a Problem or an UnexpectedDatabaseError."""
    return _translate(error.orig, outage=is_connection_failure(error))


def translate_driver_error(error: psycopg2.Error) -> Exception:
    """Return the exception to raise instead of an error of the driver."""
    outage = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    return _translate(error, outage=outage)


def is_connection_lost(error: psycopg2.Error) -> bool:
    """Return whether the error ends the connection."""
    state = error.pgcode
    if state is None:
        return isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    return state.startswith((CONNECTION_EXCEPTION, OPERATOR_INTERVENTION))


def _translate(error: BaseException | None, *, outage: bool) -> Exception:
    state = getattr(error, "pgcode", None)
    constraint = _constraint_of(error)
    if constraint in CONSTRAINTS:
        return CONSTRAINTS[constraint]()
    if state is None and outage:
        return Unavailable(UNAVAILABLE)
    if state is not None and state.startswith(UNAVAILABLE_STATES):
        return Unavailable("The database cannot answer now. Try again in a moment.")
    failure = NotMigratedError if state in NOT_MIGRATED_STATES else UnexpectedDatabaseError
    return failure(type(error).__name__, state, constraint)


def _constraint_of(error: BaseException | None) -> str | None:
    """Return the name of the violated constraint, if any."""
    if not isinstance(error, psycopg2.Error):
        return None
    if error.diag.constraint_name is None and error.pgcode == CHECK_VIOLATION:
        # Citus passes on the message of a worker without this field.
        quoted = CONSTRAINT_NAME.search(error.diag.message_primary or "")
        return quoted and quoted[1]
    return error.diag.constraint_name


def is_privilege_missing(error: DBAPIError) -> bool:
    """Return whether the role lacks a privilege."""
    return getattr(error.orig, "pgcode", None) == INSUFFICIENT_PRIVILEGE


def is_connection_failure(error: DBAPIError) -> bool:
    """Return whether the connection failed or was lost."""
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
