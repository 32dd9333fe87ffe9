"""The commands around the server: what they print, where they refuse, and their exit codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jose import jwt
from pydantic import SecretStr
from sqlalchemy import text

from tests.administrators import administer, administering
from tests.commands import Command, refusal, run, until
from tests.servers import SECRET, scratch_database, settings_for
from todo_graphql.api.schema import sdl
from todo_graphql.cli import main
from todo_graphql.development import DEMO_USER
from todo_graphql.store import migrations
from todo_graphql.store.database import database_url
from todo_graphql.store.migrations import MayNotMigrate

SOMEBODY = "11111111-2222-4333-8444-555555555555"
MIGRATION_LOCK = 7_406_531_042


@pytest.fixture
def empty(postgresql: SecretStr) -> Iterator[SecretStr]:
    """A database in which nothing is yet."""
    with scratch_database(postgresql) as url:
        yield url


def claims_of(token: str) -> dict[str, object]:
    """What the printed token says."""
    claims: dict[str, object] = jwt.decode(
        token.strip(), SECRET, ["HS256"], options={"verify_aud": False}
    )
    return claims


def invoke(*arguments: str) -> Result:
    """The command, in this process: for what depends on the arguments alone."""
    return CliRunner().invoke(main, arguments, env={"BETTER_AUTH_SECRET": SECRET})


def test_help(tmp_path: Path) -> None:
    """It names all commands, and needs no setting."""
    finished = run("--help", folder=tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    for name in main.commands:
        assert f"\n  {name} " in finished.stdout


@pytest.mark.parametrize("command", list(main.commands))
def test_each_command_explains_itself(command: str) -> None:
    """With its options."""
    result = invoke(command, "--help")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: main {command} ")


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    """Exit code 2, and nothing on stdout that a script could take for an answer."""
    finished = run("nonsense", folder=tmp_path)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.endswith("Error: No such command 'nonsense'.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["dev", "--port", "65536"],
        ["serve", "--workers", "0"],
        ["token", "--expires-in", "5"],
        ["token", "--expires-in", "36501d"],
        ["token", "--user-id", "me"],
        ["schema", "--check", "no-such-file"],
        ["schema", "--check", __file__, "--output", __file__],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_wrong_usage(arguments: list[str]) -> None:
    """Exit code 2 here, too."""
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: ")


def test_version(tmp_path: Path) -> None:
    """Of the installed package."""
    assert "version 0." in run("--version", folder=tmp_path).stdout


def test_a_token_of_the_demo_user(tmp_path: Path) -> None:
    """For an hour."""
    finished = run("token", folder=tmp_path, BETTER_AUTH_SECRET=SECRET)
    assert (finished.returncode, finished.stderr) == (0, "")
    claims = claims_of(finished.stdout)
    expected = {"sub": str(DEMO_USER.id), "email": DEMO_USER.email, "iat": claims["iat"]}
    assert claims == {**expected, "exp": int(str(claims["iat"])) + 3_600}


def test_a_token_of_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything that a configured server wants to see."""
    monkeypatch.setenv("AUTH_ISSUER", "https://example.com")
    monkeypatch.setenv("AUTH_AUDIENCE", "todo")
    options = ["--user-id", SOMEBODY, "--email", "me@example.com", "--expires-in", "2d"]
    claims = claims_of(invoke("token", *options).stdout)
    assert claims.pop("exp") == int(str(claims.pop("iat"))) + 2 * 86_400
    assert claims == {
        "sub": SOMEBODY,
        "email": "me@example.com",
        "iss": "https://example.com",
        "aud": "todo",
    }


def test_a_token_of_somebody_without_an_address() -> None:
    """Not with the demo user's."""
    assert "email" not in claims_of(invoke("token", "--user-id", SOMEBODY).stdout)


def test_no_token_without_a_secret(tmp_path: Path) -> None:
    """`dev` has not been here. It is not made, either."""
    assert refusal("token", folder=tmp_path).startswith("BETTER_AUTH_SECRET is not set: ")
    assert list(tmp_path.iterdir()) == []


def test_no_token_where_the_secret_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder is no file, not even for root."""
    (tmp_path / ".todo-graphql/secret").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["token"])
    sentence = "Cannot use .todo-graphql/secret (Is a directory): set BETTER_AUTH_SECRET."
    assert (result.exit_code, result.stderr) == (1, f"Error: {sentence}\n")


def test_the_schema(tmp_path: Path) -> None:
    """Printed, by a process of its own; written, and found to be the same."""
    file = tmp_path / "schema.graphql"
    printed = run("schema", folder=tmp_path)
    written = invoke("schema", "--output", str(file))
    compared = invoke("schema", "--check", str(file))
    assert printed.stdout == file.read_text() == sdl()
    assert (written.stdout, written.exit_code) == ("", 0)
    assert compared.stdout == f"{file} is the schema of this version.\n"
    assert compared.exit_code == 0


def test_a_schema_with_more_in_it(tmp_path: Path) -> None:
    """What clients of it would miss is named."""
    known = sdl().replace("type Query {", "type Query {\n  weather: String\n")
    (tmp_path / "schema.graphql").write_text(known)
    finished = run("schema", "--check", "schema.graphql", folder=tmp_path)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr.splitlines() == [
        "Error: schema.graphql is not the schema of this version.",
        "  breaking: Field Query.weather was removed.",
    ]


def test_a_schema_that_breaks_nobody(tmp_path: Path) -> None:
    """It differs all the same."""
    file = tmp_path / "schema.graphql"
    file.write_text(sdl() + "\n# The end.\n")
    result = invoke("schema", "--check", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: {file} is not the schema of this version.\n"


@pytest.mark.parametrize(
    "content", [b"Dear diary", b"\xff\xfe", b"type Query { me: Me }"], ids=["text", "bytes", "part"]
)
def test_what_is_no_schema(tmp_path: Path, content: bytes) -> None:
    """Neither GraphQL, nor text, nor whole."""
    file = tmp_path / "diary"
    file.write_bytes(content)
    result = invoke("schema", "--check", str(file))
    assert result.exit_code == 1
    assert result.stderr == f"Error: {file} is not a GraphQL schema.\n"


def test_a_schema_that_cannot_be_written(tmp_path: Path) -> None:
    """There is no such folder."""
    file = tmp_path / "nowhere/schema.graphql"
    result = invoke("schema", "--output", str(file))
    assert result.exit_code == 1
    assert result.stderr == f"Error: Could not open file '{file}': No such file or directory\n"


def test_migrating_twice(empty: SecretStr, tmp_path: Path) -> None:
    """The second time nothing happens: the tables are still the same ones."""
    found = []
    for _ in range(2):
        finished = run("migrate", folder=tmp_path, DATABASE_URL=empty.get_secret_value())
        assert (finished.returncode, finished.stderr) == (0, "")
        assert finished.stdout == f"The database is at revision {migrations.head()}.\n"
        with administering(empty) as connection:
            tables = text("SELECT oid FROM pg_class WHERE relname IN ('users', 'tasks')")
            found.append(set(connection.execute(tables).scalars()))
    assert len(found[0]) == 2
    assert found[0] == found[1]


def test_migrations_at_once_wait_for_each_other(empty: SecretStr, tmp_path: Path) -> None:
    """Two wait for the lock; when they get it, one migrates, and the other has nothing to do."""
    # Each has a connection to migrate on, and one that asks for the lock.
    waiting = text(
        "SELECT count(*) = 4 FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'todo-graphql'"
    )
    url = empty.get_secret_value()
    with (
        administering(empty) as connection,
        Command("migrate", folder=tmp_path, DATABASE_URL=url) as one,
        Command("migrate", folder=tmp_path, DATABASE_URL=url) as other,
    ):
        connection.execute(text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
        until(lambda: connection.execute(waiting).scalar(), "two that wait")
        connection.execute(text(f"SELECT pg_advisory_unlock({MIGRATION_LOCK})"))
        assert (one.process.wait(60), other.process.wait(60)) == (0, 0)
        assert one.output == other.output


def test_migrations_use_the_direct_endpoint(empty: SecretStr, tmp_path: Path) -> None:
    """DATABASE_URL may be a pooler, which is not even there."""
    finished = run(
        "migrate",
        folder=tmp_path,
        DATABASE_URL="postgresql://127.0.0.1:1/nothing",
        DATABASE_URL_UNPOOLED=empty.get_secret_value(),
    )
    assert finished.returncode == 0, finished


def test_a_database_that_is_newer_than_this_version(empty: SecretStr, tmp_path: Path) -> None:
    """It is left alone."""
    url = empty.get_secret_value()
    assert run("migrate", folder=tmp_path, DATABASE_URL=url).returncode == 0
    administer(empty, "UPDATE alembic_version SET version_num = '9999'")
    assert "9999" in refusal("migrate", folder=tmp_path, DATABASE_URL=url)


@pytest.mark.usefixtures("settings")
def test_the_roles_are_those_of_another_database(empty: SecretStr, tmp_path: Path) -> None:
    """Which another role has migrated. What the refusal says is enough, also when half is done."""
    with owner_of(empty) as (role, url):
        sentence = refusal("migrate", folder=tmp_path, DATABASE_URL=url.get_secret_value())
        assert "CREATEROLE" in sentence
        assert "GRANT todo_app, todo_upkeep TO it" in sentence
        administer(empty, f"ALTER ROLE {role} CREATEROLE")
        try:
            migrations.upgrade(settings_for(url))  # that was all before PostgreSQL 16
        except MayNotMigrate as reason:
            assert str(reason) == sentence  # noqa: PT017 - it depends on the version
        administer(empty, f"GRANT todo_app, todo_upkeep TO {role}")
        migrations.upgrade(settings_for(url))


@contextmanager
def owner_of(url: SecretStr) -> Iterator[tuple[str, SecretStr]]:
    """A role that owns this database, and may do nothing else; and its URL."""
    name = database_url(url).database
    administer(
        url,
        f"CREATE ROLE {name} LOGIN PASSWORD 'swordfish'",
        f"ALTER DATABASE {name} OWNER TO {name}",
    )
    own = database_url(url).set(username=name, password="swordfish", drivername="postgresql")
    try:
        yield str(name), SecretStr(own.render_as_string(hide_password=False))
    finally:
        administer(
            url,
            f"ALTER DATABASE {name} OWNER TO CURRENT_USER",
            f"DROP OWNED BY {name}",
            f"DROP ROLE {name}",
        )


def test_nothing_to_migrate(tmp_path: Path) -> None:
    """There is no database, or no setting that names one."""
    assert refusal("migrate", folder=tmp_path).startswith("DATABASE_URL is not set: ")
    sentence = refusal("migrate", folder=tmp_path, DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert sentence == (
        "The database is away. Try again in a moment. `todo-graphql doctor` says more."
    )
