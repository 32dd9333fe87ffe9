"""Examination of the database's role and encoding."""

from sqlalchemy import Connection, text

from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.store.postgres.preamble import APP_ROLE

POWERS = text(
    "SELECT rolsuper, rolbypassrls,"
    " EXISTS (SELECT FROM pg_class WHERE oid IN (to_regclass('users'), to_regclass('tasks'))"
    " AND pg_has_role(session_user, relowner, 'MEMBER')),"
    " EXISTS (SELECT FROM pg_roles AS upkeep WHERE upkeep.rolname = 'todo_upkeep'"
    " AND pg_has_role(session_user, upkeep.oid, 'MEMBER'))"
    " FROM pg_roles WHERE rolname = session_user"
)
ENCODING = text("SHOW server_encoding")


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


def examine_encoding(connection: Connection) -> Finding:
    """Examine whether the database can store all characters. Its locale does not matter."""
    encoding = connection.execute(ENCODING).scalar_one()
    if encoding != "UTF8":
        return Finding(FATAL, f"The database's encoding is {encoding}: UTF8 is required.")
    return Finding(GOOD, "The database's encoding is UTF8.")
