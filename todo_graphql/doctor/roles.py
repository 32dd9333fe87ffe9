"""Examination of the database's role, encoding and locale."""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.store.postgres.engine import APP_ROLE

POWERS = text(
    "SELECT rolsuper, rolbypassrls,"
    " EXISTS (SELECT FROM pg_class WHERE oid IN (to_regclass('users'), to_regclass('tasks'))"
    " AND pg_has_role(session_user, relowner, 'MEMBER')),"
    " EXISTS (SELECT FROM pg_roles AS upkeep WHERE upkeep.rolname = 'todo_upkeep'"
    " AND pg_has_role(session_user, upkeep.oid, 'MEMBER'))"
    " FROM pg_roles WHERE rolname = session_user"
)
ENCODING = text("SHOW server_encoding")

# The functions of the migrations rely on these results.
LETTERS = text("SELECT lower('ÄΣЖ') = 'äσж' AND 'äσж' ~ '^[[:alnum:]]+$'")


def examine_role(connection: Connection) -> Finding:
    """Examine the privileges of the role of DATABASE_URL beyond SET ROLE todo_app."""
    is_superuser, bypasses, owns, keeps_up = connection.execute(POWERS).one()
    powers = {
        "is a superuser": is_superuser,
        "has BYPASSRLS": bypasses and not is_superuser,
        "owns the tables": owns and not is_superuser,
        "can SET ROLE todo_upkeep": keeps_up and not is_superuser,
    }
    if any(powers.values()):
        held = " and ".join(power for power, is_held in powers.items() if is_held)
        return Finding(
            ADVICE,
            f"DATABASE_URL connects as a role that {held}: `serve` works, because each statement "
            f"runs as {APP_ROLE}. A separate role is safer, to which only {APP_ROLE} is granted.",
        )
    return Finding(
        GOOD,
        "DATABASE_URL connects as a role that is subject to row-level security and owns no table.",
    )


def examine_letters(connection: Connection) -> Iterator[Finding]:
    """Examine whether the encoding and the locale support letters beyond ASCII."""
    encoding = connection.execute(ENCODING).scalar_one()
    if encoding != "UTF8":
        yield Finding(FATAL, f"The database's encoding is {encoding}: UTF8 is required.")
    elif connection.execute(LETTERS).scalar_one():
        yield Finding(
            GOOD, "The database's encoding and locale support the letters of all languages."
        )
    else:
        yield Finding(
            ADVICE,
            "The database's locale supports ASCII letters only: a search for ä does not find Ä. "
            "Move the data into a database created with CREATE DATABASE … TEMPLATE template0 "
            "ENCODING 'UTF8' LOCALE 'C.UTF-8'.",
        )
