"""History of the database, which a restored backup must begin anew.

A backup continues an earlier state, in which revisions that clients have seen occur again with
other changes. In another history, their cursors are no longer valid.
"""

import uuid

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.engine import migration_engine
from todo_graphql.store.postgres.errors import translate_error

BEGIN_HISTORY = text("UPDATE database_history SET id = :id")


def begin_history(settings: Settings) -> uuid.UUID:
    """Begin another history, and return its id. Clients then read all tasks anew.

    Raises Unavailable if the database is unavailable, NotMigratedError and
    UnexpectedDatabaseError.
    """
    history = uuid.uuid4()
    engine = migration_engine(settings)
    try:
        with engine.begin() as connection:
            connection.execute(BEGIN_HISTORY, {"id": history})
    except DBAPIError as error:
        raise translate_error(error) from None
    finally:
        engine.dispose()
    return history
