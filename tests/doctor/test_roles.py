"""Findings of `doctor` about the database's role and encoding."""

import uuid
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from tests.support.administrators import administer
from tests.support.logins import login
from tests.support.servers import migrated_database, settings_for
from todo_graphql.doctor.database import examine_server
from todo_graphql.doctor.endpoints import Endpoint
from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import migrations
from todo_graphql.store.postgres.engine import Database, database_url
from todo_graphql.store.tasks.filters import TaskFilter
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.text.search import Search


@pytest.fixture(scope="module")
def migrated(postgresql: SecretStr) -> Iterator[SecretStr]:
    """Yield a migrated database for a superuser."""
    with migrated_database(postgresql) as url:
        yield url


def found(url: SecretStr) -> tuple[Finding, Finding]:
    """Return the findings about the role and the encoding."""
    role, encoding = examine_server(Endpoint("DATABASE_URL", url, settings_for(url)))
    return role, encoding


def test_superuser_is_advised_against(migrated: SecretStr) -> None:
    role, _ = found(migrated)
    assert role.mark == ADVICE
    assert role.sentence.startswith("DATABASE_URL connects as a role that is a superuser: `serve` ")


@pytest.mark.parametrize(
    ("statements", "power"),
    [
        (("ALTER ROLE {role} BYPASSRLS",), "has BYPASSRLS"),
        (("GRANT todo_upkeep TO {role}",), "can SET ROLE todo_upkeep"),
        (("ALTER TABLE tasks OWNER TO {role}",), "owns the tables"),
        (
            ("ALTER TABLE users OWNER TO {role}", "ALTER ROLE {role} BYPASSRLS"),
            "has BYPASSRLS and owns the tables",
        ),
    ],
)
def test_role_with_excessive_privileges_is_advised_against(
    postgresql: SecretStr, statements: tuple[str, ...], power: str
) -> None:
    with migrated_database(postgresql) as url, login(url, "GRANT todo_app TO {role}") as own:
        name = database_url(own).username
        administer(url, *(statement.format(role=name) for statement in statements))
        role, _ = found(own)
        administer(url, f"REASSIGN OWNED BY {name} TO CURRENT_USER")
    assert role.mark == ADVICE
    assert role.sentence.startswith(f"DATABASE_URL connects as a role that {power}: ")


def test_role_with_todo_app_only_is_good(migrated: SecretStr) -> None:
    with login(migrated, "GRANT todo_app TO {role}") as own:
        role, encoding = found(own)
    assert (role.mark, encoding.mark) == (GOOD, GOOD)


@pytest.mark.parametrize(
    ("options", "mark", "part"),
    [
        ("ENCODING 'UTF8' LOCALE 'C'", GOOD, "The database's encoding is UTF8."),
        (
            "ENCODING 'LATIN1' LOCALE 'C'",
            FATAL,
            "The database's encoding is LATIN1: UTF8 is required",
        ),
        ("ENCODING 'SQL_ASCII' LOCALE 'C'", FATAL, "The database's encoding is SQL_ASCII: "),
    ],
)
def test_unsupported_encoding_is_reported(
    postgresql: SecretStr, options: str, mark: str, part: str
) -> None:
    name = f"todo_test_{uuid.uuid4().hex}"
    administer(postgresql, f"CREATE DATABASE {name} TEMPLATE template0 {options}")
    try:
        url = database_url(postgresql).set(database=name, drivername="postgresql")
        own = SecretStr(url.render_as_string(hide_password=False))
        _, encoding = found(own)
        assert encoding.mark == mark
        assert part in encoding.sentence
        if mark == GOOD:
            migrations.upgrade(settings_for(own))
            assert finds_letters(own)
    finally:
        administer(postgresql, f"DROP DATABASE {name} WITH (FORCE)")


def finds_letters(url: SecretStr) -> bool:
    """Return whether a search ignores the case of letters beyond ASCII."""
    database = Database(settings_for(url))
    with database.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        tasks.create([NewTask("Купить молоко", tags=("ΟΔΟΣ",))], ["input"])
        searches = [TaskFilter(search=Search("МОЛОКО")), TaskFilter(search=Search("οδος"))]
        found = [tasks.count(search) for search in searches]
    database.close()
    return found == [1, 1]
