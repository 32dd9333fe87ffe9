"""`todo-graphql dev`: everything that a newcomer needs, from nothing, and gone when stopped."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administering
from tests.support.commands import AWKWARD, Dev, Service, home_of_dev, mode_of, refusal, run
from tests.support.issuer import Issuer, publishing
from tests.support.jwt import SUBJECT
from tests.support.servers import scratch_database
from todo_graphql.dev.command import DEMO_USER, kept_secret, workspace
from todo_graphql.settings.settings import ConfigurationError, Settings


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the shared `dev` runs: too long a path for a socket in it."""
    with home_of_dev(tmp_path_factory.mktemp("dev") / f"{AWKWARD}, {'long' * 25}") as folder:
        yield folder


@pytest.fixture(scope="module")
def dev(home: Path) -> Iterator[Dev]:
    """A `dev` for all tests that do not stop it."""
    with Dev(home) as running:
        yield running


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing has happened yet."""
    with home_of_dev(tmp_path / "elsewhere") as folder:
        yield folder


def test_it_says_where_it_is_who_one_is_and_how_to_stop(dev: Dev) -> None:
    """The token is the demo user's."""
    assert f"GraphiQL, signed in:  {dev.url}/graphql\n" in dev.output
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", dev.url)
    assert f"{DEMO_USER.email} ({DEMO_USER.id})" in dev.output
    assert "Ctrl-C stops the server and its PostgreSQL" in dev.output
    assert dev.ask("{ me { id } }")["me"]["id"] == str(DEMO_USER.id)


def test_the_curl_line_works_in_a_shell(dev: Dev) -> None:
    """As it stands there, over several lines."""
    line = dev.wait_for(r"(?s)\ncurl .*?\}'\n")[0].strip()
    finished = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=30, check=True
    )
    assert json.loads(finished.stdout)["data"]["createTask"]["task"]["title"] == "Buy milk"
    assert "Buy milk" in dev.titles()


def test_graphiql_is_signed_in_for_this_machine_only(dev: Dev) -> None:
    """The page needs no token, and brings one that works; not to a name that only leads here."""
    foreign = httpx.get(f"{dev.url}/graphql", headers={"Host": "evil.example"})
    assert (foreign.status_code, "Bearer" in foreign.text) == (421, False)
    page = dev.get("/graphql")
    assert page.headers["content-type"].startswith("text/html")
    found = re.search(r"Bearer (eyJ[\w.-]+)", page.text)
    assert found is not None
    me = dev.ask("{ me { id } __schema { queryType { name } } }", found[1])
    assert me == {"me": {"id": str(DEMO_USER.id)}, "__schema": {"queryType": {"name": "Query"}}}


def test_tokens_of_an_issuer(settings: Settings, elsewhere: Path) -> None:
    """Nobody here can make them, so GraphiQL is not signed in; theirs are good."""
    assert settings.database_url is not None
    with publishing(Issuer()) as issuer:
        database = settings.database_url.get_secret_value()
        given = {"AUTH_JWKS_URL": issuer.url, "DATABASE_URL": database}
        with Service("dev", "--port", "0", folder=elsewhere, **given) as dev:
            assert "Bearer" not in dev.get("/graphql").text
            answer = dev.post("{ me { id } }", issuer.token("1"))
            assert answer.json()["data"] == {"me": {"id": SUBJECT}}
            assert dev.stop() == 0, dev.output
            assert "Ctrl-C stops the server." in dev.output
        sentence = refusal("token", folder=elsewhere, AUTH_JWKS_URL=issuer.url)
        assert sentence.startswith("AUTH_JWKS_URL is set: ")


def test_token_signs_with_the_secret_of_this_folder(dev: Dev, home: Path) -> None:
    """For other users than the demo user."""
    somebody = "11111111-2222-4333-8444-555555555555"
    token = run("token", "--user-id", somebody, folder=home).stdout.strip()
    assert dev.ask("{ me { id } }", token)["me"]["id"] == somebody


def test_nobody_else_may_read_what_it_keeps(dev: Dev, home: Path) -> None:
    """Run as root, PostgreSQL is another user, who must be able to reach its data: all that
    others get is o+x on the folders above it, and it is told.
    """
    kept = home / ".todo-graphql"
    assert mode_of(kept / "secret") == 0o600
    assert [mode_of(kept / name) for name in ("postgres", "postgres/data")] == [0o700, 0o700]
    opened = f"{kept} became searchable (o+x) for it."
    if os.geteuid() == 0:
        assert mode_of(kept) == 0o701
        assert (kept / "postgres/data").owner() == "embedded_postgres"
        assert opened in dev.output
    else:
        assert mode_of(kept) == 0o700
        assert opened not in dev.output


def test_git_ignores_what_it_keeps(dev: Dev, home: Path) -> None:
    """It holds a secret."""
    assert (home / ".todo-graphql/.gitignore").read_text() == "*\n"


def test_there_is_one_in_a_folder(dev: Dev, home: Path) -> None:
    """The second does not disturb the first."""
    sentence = refusal("dev", "--port", "0", folder=home)
    assert sentence == f"Another `todo-graphql dev` is running in {home}: stop it first."
    assert dev.ask("{ me { id } }")


def test_a_port_that_is_in_use(dev: Dev, elsewhere: Path) -> None:
    """Nothing is made, and nothing is left running."""
    port = dev.url.rpartition(":")[2]
    sentence = refusal("dev", folder=elsewhere, PORT=port)
    assert sentence.startswith(f"Cannot listen on 127.0.0.1:{port} (Address already in use)")
    assert list(elsewhere.iterdir()) == []


def test_a_folder_where_nothing_can_be_kept(tmp_path: Path) -> None:
    """Root may write everywhere; but what is a file is no folder."""
    (tmp_path / "kept").write_text("")
    with pytest.raises(ConfigurationError) as refused, workspace(tmp_path / "kept"):
        pytest.fail("There is no such folder.")
    sentence = f"Cannot keep data in {tmp_path / 'kept'} (File exists): start where you may write."
    assert str(refused.value) == sentence


def test_a_weak_secret_of_ones_own(elsewhere: Path) -> None:
    """It is refused before there is a PostgreSQL."""
    sentence = refusal("dev", "--port", "0", folder=elsewhere, BETTER_AUTH_SECRET="weak")
    assert sentence.startswith("BETTER_AUTH_SECRET is too short")
    assert not (elsewhere / ".todo-graphql/postgres").exists()


def test_a_database_of_ones_own(postgresql: SecretStr, elsewhere: Path) -> None:
    """It is migrated and used, and there is no other."""
    with scratch_database(postgresql) as url:
        with Dev(elsewhere, DATABASE_URL=url.get_secret_value()) as dev:
            dev.create("Elsewhere")
            assert dev.stop() == 0
        assert not (elsewhere / ".todo-graphql/postgres").exists()
        with administering(url) as connection:
            titles = connection.execute(text("SELECT title FROM tasks")).scalars().all()
    assert titles == ["Elsewhere"]


def test_a_secret_of_which_only_a_part_was_written(tmp_path: Path) -> None:
    """It is not taken for the secret."""
    (tmp_path / "secret.unfinished").write_text("too sh")
    secret = kept_secret(tmp_path / "secret", make=True)
    assert secret is not None
    assert len(secret.get_secret_value()) == 64
    assert mode_of(tmp_path / "secret") == 0o600
    assert kept_secret(tmp_path / "secret", make=False) == secret
