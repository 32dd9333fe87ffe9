"""Why the database is away, for the log.

What libpq says has the host, the user and more of DATABASE_URL in it. So it is only looked through
for what can be said in words that name nobody.
"""

import logging
from typing import Any

import psycopg2
from sqlalchemy import Engine, event

from todo_graphql.troubles import Trouble

logger = logging.getLogger(__name__)

BACK = "The database takes connections again."

REASONS = (
    ("could not translate host name", "the name of its host leads nowhere"),
    ("Connection refused", "nobody listens at its address"),
    ("timeout expired", "it does not answer in time"),
    ("unreachable", "there is no way to its address"),
    ("No route to host", "there is no way to its address"),
    ("password", "it does not accept the password"),
    ("pg_hba.conf", "it does not let this user in from here"),
    ("too many", "it takes no more connections"),
    ("connection slots", "it takes no more connections"),
    ("starting up", "it is starting"),
    ("recovery", "it is starting"),
    ("shutting down", "it is stopping"),
    ("certificate", "there is no safe connection"),
    ("SSL", "there is no safe connection"),
    ("No such file", "there is no socket in its folder"),
    ("does not exist", "it has no such database, or no such user"),
    ("closed the connection", "it has hung up"),
    ("invalid", "an option of DATABASE_URL has no good value"),
)
"""What libpq's words have in them, in English, and what that means. The first that is there
counts."""

UNKNOWN = "`todo-graphql doctor` says why"


def watch(engine: Engine) -> None:
    """Tell the operator when connections to the database can no longer be made, and when they can
    again. Whoever is answered on one that works already costs nothing.
    """
    trouble = Trouble(logger, BACK, logging.ERROR)

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _record: object, arguments: Any, options: Any) -> Any:
        try:
            connection = dialect.connect(*arguments, **options)
        except psycopg2.Error as error:
            trouble.tell(f"The database is away: {reason_of(error)}.")
            raise
        trouble.end()
        return connection


def reason_of(error: psycopg2.Error) -> str:
    """Why no connection could be made, without a word of the error itself."""
    said = str(error)
    return next((reason for words, reason in REASONS if words in said), UNKNOWN)
