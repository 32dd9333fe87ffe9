"""What PostgreSQL's errors mean: constraints by name, outages by SQLSTATE.

The text of a database error may hold SQL and a user's words, so it goes no further
than this module: neither to a client nor to a log.
"""

import psycopg2
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from todo_graphql.errors import BadUserInput, Problem, Unavailable
from todo_graphql.store.models import TASK_MAX_TAGS

CONSTRAINTS: dict[str, tuple[type[Problem], str, str]] = {
    "ck_tasks_title_length": (BadUserInput, "The title is too short or too long.", "title"),
    "ck_tasks_description_length": (
        BadUserInput,
        "The description is too long.",
        "description",
    ),
    "ck_tasks_priority_range": (BadUserInput, "There is no such priority.", "priority"),
    "ck_tasks_due_exclusive": (
        BadUserInput,
        "A task is due on a day or at an instant, not both.",
        "dueAt",
    ),
    "ck_tasks_tags_number": (
        BadUserInput,
        f"A task has at most {TASK_MAX_TAGS} tags.",
        "input.addTags",
    ),
    "ck_idempotency_keys_key_length": (
        BadUserInput,
        "An idempotency key is too short or too long.",
        "idempotencyKey",
    ),
}

# https://www.postgresql.org/docs/current/errcodes-appendix.html
CONNECTION_EXCEPTION = "08"
INSUFFICIENT_RESOURCES = "53"
OPERATOR_INTERVENTION = "57P"
QUERY_CANCELED = "57014"
INSUFFICIENT_PRIVILEGE = "42501"
LOCK_NOT_AVAILABLE = "55P03"
SERIALIZATION_OR_DEADLOCK = ("40001", "40P01")
# Neither a table (42P01) nor the role to read it as (22023) is there.
NOT_MIGRATED_STATES = ("42P01", "22023")
UNAVAILABLE_STATES = (
    CONNECTION_EXCEPTION,
    INSUFFICIENT_RESOURCES,
    OPERATOR_INTERVENTION,
    QUERY_CANCELED,
    LOCK_NOT_AVAILABLE,
    *SERIALIZATION_OR_DEADLOCK,
)


class UnexpectedDatabaseError(Exception):
    """A database error that nobody expected. Says its SQLSTATE, and no word of the statement."""

    def __init__(self, kind: str, state: str | None, constraint: str | None) -> None:
        super().__init__(f"{kind} (SQLSTATE {state}, constraint {constraint})")
        self.state = state


class NotMigratedError(UnexpectedDatabaseError):
    """The tables, or the role that reads them, are not there."""

    def __str__(self) -> str:
        return "The database is not migrated: run `todo-graphql migrate`."


def translate_error(error: DBAPIError) -> Exception:
    """The exception to raise instead of `error`: a Problem, or a UnexpectedDatabaseError."""
    return _translate(error.orig, outage=is_connection_failure(error))


def translate_driver_error(error: psycopg2.Error) -> Exception:
    """The same, for an error that comes from the driver itself."""
    outage = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    return _translate(error, outage=outage)


def is_connection_lost(error: psycopg2.Error) -> bool:
    """Whether the connection has ended, or is about to."""
    state = error.pgcode
    if state is None:
        return isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    return state.startswith((CONNECTION_EXCEPTION, OPERATOR_INTERVENTION))


def _translate(error: BaseException | None, *, outage: bool) -> Exception:
    state = getattr(error, "pgcode", None)
    constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
    if constraint in CONSTRAINTS:
        kind, sentence, field = CONSTRAINTS[constraint]
        return kind(sentence, field=field)
    if state is None and outage:
        return Unavailable("The database is unavailable. Try again in a moment.")
    if state is not None and state.startswith(UNAVAILABLE_STATES):
        return Unavailable("The database cannot answer now. Try again in a moment.")
    failure = NotMigratedError if state in NOT_MIGRATED_STATES else UnexpectedDatabaseError
    return failure(type(error).__name__, state, constraint)


def is_privilege_missing(error: DBAPIError) -> bool:
    """Whether the role may not do what it was told to."""
    return getattr(error.orig, "pgcode", None) == INSUFFICIENT_PRIVILEGE


def is_connection_failure(error: DBAPIError) -> bool:
    """Whether there was no server to give an SQLSTATE: refused, cut, or not found."""
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
