"""Check of row-level security before the server serves requests."""

import uuid

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from todo_graphql.errors import ExpectedError
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import citus
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.errors import (
    NotMigratedError,
    is_privilege_missing,
    translate_error,
)
from todo_graphql.store.postgres.preamble import APP_ROLE

# Statements that Citus can run: each INSERT on one shard, and no SELECT of catalogs beside tables.
INSERT_PROBE = text(
    "INSERT INTO users (id, revision) VALUES (:me, 1);"
    " INSERT INTO tasks (user_id, title, revision, rank, title_key, title_order, tag_keys, words)"
    " VALUES (:me, 'planted', 1, '1', '', '', '{}', '');"
    " INSERT INTO idempotency_keys (user_id, key, digest, answer) VALUES (:me, 'k', '', '');"
    " INSERT INTO tombstones (user_id, task_id, revision) VALUES (:me, :me, 1)"
)

SELECT_PROBE = text(
    "SELECT EXISTS (SELECT id FROM users LIMIT 1) OR EXISTS (SELECT user_id FROM tasks LIMIT 1)"
    " OR EXISTS (SELECT user_id FROM idempotency_keys LIMIT 1)"
    " OR EXISTS (SELECT user_id FROM tombstones LIMIT 1)"
)

BYPASSES_RLS = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")


UNDEFINED_COLUMN = "42703"
"""The probe names columns that a database behind this release does not have."""


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
        if getattr(error.orig, "pgcode", None) == UNDEFINED_COLUMN:
            raise NotMigratedError(type(error.orig).__name__, UNDEFINED_COLUMN, None) from None
        raise translate_error(error) from None


def _check_on(connection: Connection, database: Database) -> None:
    owner, other = Viewer(uuid.uuid4()), Viewer(uuid.uuid4())
    connection.exec_driver_sql("BEGIN")
    try:
        connection.exec_driver_sql(database.preamble(owner))
        _check_role(connection, has_citus=database.has_citus)
        connection.execute(INSERT_PROBE, {"me": owner.id})
        connection.exec_driver_sql(database.preamble(other))
        foreign_rows = connection.execute(SELECT_PROBE).scalar_one()
    finally:
        connection.exec_driver_sql("ROLLBACK")
    if foreign_rows:
        raise UnsafeDatabaseError(
            "Row-level security is not effective on all tables: a statement can reach another "
            "user's rows. Compare the policies with the migrations."
        )


def _check_role(connection: Connection, *, has_citus: bool) -> None:
    """Raise UnsafeDatabaseError if the current role bypasses row-level security on a server."""
    places = [""] if connection.execute(BYPASSES_RLS).scalar_one() else []
    if has_citus:
        workers = citus.find_workers(connection)
        places += [f" on the worker {worker.address}" for worker in workers if worker.bypasses_rls]
    for place in places:
        raise UnsafeDatabaseError(
            f"The role {APP_ROLE} is a superuser or has BYPASSRLS{place}: run "
            f"ALTER ROLE {APP_ROLE} NOSUPERUSER NOBYPASSRLS."
        )
