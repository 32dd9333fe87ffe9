"""Check of row-level security before the server serves requests."""

import uuid

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from todo_graphql.errors import ExpectedError
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.engine import APP_ROLE, Database
from todo_graphql.store.postgres.errors import is_privilege_missing, translate_error

INSERT_PROBE = text(
    "WITH me AS (INSERT INTO users (id, revision) VALUES (:me, 1) RETURNING id)"
    ", task AS (INSERT INTO tasks"
    " (user_id, title, revision, rank, title_key, title_order, tag_keys, words)"
    " SELECT id, 'planted', 1, '', '', '', '{}', '' FROM me)"
    " INSERT INTO idempotency_keys (user_id, key, digest, answer) SELECT id, 'k', '', '' FROM me"
)

SELECT_PROBE = text(
    "SELECT rolsuper OR rolbypassrls AS bypasses_rls,"
    " EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM tasks)"
    " OR EXISTS (SELECT FROM idempotency_keys) AS foreign_rows"
    " FROM pg_roles WHERE rolname = current_user"
)


class UnsafeDatabaseError(ExpectedError):
    """The database does not isolate users."""


def check_row_level_security(database: Database) -> None:
    """Insert a row of one user into each table, select as another user, and roll back.

    Raises UnsafeDatabaseError if the role of viewers bypasses row-level security or the other
    user sees a row, and Unavailable if the database is unavailable.
    """
    try:
        with database.engine.connect() as connection:
            _check_on(connection, database)
    except DBAPIError as error:
        if is_privilege_missing(error):
            raise UnsafeDatabaseError(
                f"The role of DATABASE_URL cannot SET ROLE {APP_ROLE}, or {APP_ROLE} lacks a "
                f"privilege: run GRANT {APP_ROLE} TO it, as the role that migrated."
            ) from None
        raise translate_error(error) from None


def _check_on(connection: Connection, database: Database) -> None:
    owner, other = Viewer(uuid.uuid4()), Viewer(uuid.uuid4())
    connection.exec_driver_sql("BEGIN")
    try:
        connection.exec_driver_sql(database.preamble(owner))
        connection.execute(INSERT_PROBE, {"me": owner.id})
        connection.exec_driver_sql(database.preamble(other))
        bypasses_rls, foreign_rows = connection.execute(SELECT_PROBE).one()
    finally:
        connection.exec_driver_sql("ROLLBACK")
    if bypasses_rls:
        raise UnsafeDatabaseError(
            f"The role {APP_ROLE} is a superuser or has BYPASSRLS: run "
            f"ALTER ROLE {APP_ROLE} NOSUPERUSER NOBYPASSRLS."
        )
    if foreign_rows:
        raise UnsafeDatabaseError(
            "Row-level security is not effective on users, tasks and idempotency_keys: a statement "
            "can reach another user's rows. Compare the policies with the migrations."
        )
