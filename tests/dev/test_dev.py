"""`todo-graphql dev`: its output, its files, and its secrets and databases."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support import plain_http
from tests.support.administrators import administering
from tests.support.commands import AWKWARD, Dev, Service, home_of_dev, mode_of, refusal, run
from tests.support.issuer import Issuer, publishing
from tests.support.jwt import SUBJECT
from tests.support.servers import scratch_database
from todo_graphql.dev.demo_user import DEMO_USER
from todo_graphql.dev.workspace import stored_secret, workspace
from todo_graphql.settings.settings import ConfigurationError, Settings


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield the folder of the shared `dev`, whose path is too long for a socket."""
    with home_of_dev(tmp_path_factory.mktemp("dev") / f"{AWKWARD}, {'long' * 25}") as folder:
        yield folder


@pytest.fixture(scope="module")
def dev(home: Path) -> Iterator[Dev]:
    """Yield a `dev` for all tests that do not stop it."""
    with Dev(home) as running:
        yield running


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Yield an empty folder."""
    with home_of_dev(tmp_path / "elsewhere") as folder:
        yield folder


def test_dev_prints_its_url_and_the_demo_user(dev: Dev) -> None:
    assert f"GraphiQL, signed in:  {dev.url}/graphql\n" in dev.output
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", dev.url)
    assert f"{DEMO_USER.email} ({DEMO_USER.id})" in dev.output
    assert "Ctrl-C stops the server and its PostgreSQL" in dev.output
    assert dev.ask("{ me { id } }")["me"]["id"] == str(DEMO_USER.id)


def test_printed_curl_command_works_in_a_shell(dev: Dev) -> None:
    line = dev.wait_for(r"(?s)\ncurl .*?\}'\n")[0].strip()
    finished = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=30, check=True
    )
    assert json.loads(finished.stdout)["data"]["createTask"]["task"]["title"] == "Buy milk"
    assert "Buy milk" in dev.titles()


def test_graphiql_is_signed_in_on_this_machine_only(dev: Dev) -> None:
    """A request for another host name gets no token."""
    browser = {"Accept": "text/html"}
    foreign = plain_http.get(f"{dev.url}/graphql", headers={**browser, "Host": "evil.example"})
    assert (foreign.status_code, "Bearer" in foreign.text) == (421, False)
    page = plain_http.get(f"{dev.url}/graphql", headers=browser)
    assert page.headers["content-type"].startswith("text/html")
    found = re.search(r"Bearer (eyJ[\w.-]+)", page.text)
    assert found is not None
    me = dev.ask("{ me { id } __schema { queryType { name } } }", found[1])
    assert me == {"me": {"id": str(DEMO_USER.id)}, "__schema": {"queryType": {"name": "Query"}}}


def test_dev_accepts_tokens_of_an_issuer(settings: Settings, elsewhere: Path) -> None:
    """GraphiQL is not signed in, because `dev` cannot sign the issuer's tokens."""
    assert settings.database_url is not None
    with publishing(Issuer()) as issuer:
        database = settings.database_url.get_secret_value()
        given = {"AUTH_JWKS_URL": issuer.url, "DATABASE_URL": database}
        with Service("dev", "--port", "0", folder=elsewhere, **given) as dev:
            page = plain_http.get(f"{dev.url}/graphql", headers={"Accept": "text/html"})
            assert ("GraphiQL" in page.text, '"Bearer ' in page.text) == (True, False)
            answer = dev.post("{ me { id } }", issuer.token("1"))
            assert answer.json()["data"] == {"me": {"id": SUBJECT}}
            assert dev.stop() == 0, dev.output
            assert "Ctrl-C stops the server." in dev.output
        sentence = refusal("token", folder=elsewhere, AUTH_JWKS_URL=issuer.url)
        assert sentence.startswith("AUTH_JWKS_URL is set: ")


def test_token_uses_the_secret_in_the_folder(dev: Dev, home: Path) -> None:
    user_id = "11111111-2222-4333-8444-555555555555"
    token = run("token", "--user-id", user_id, folder=home).stdout.strip()
    assert dev.ask("{ me { id } }", token)["me"]["id"] == user_id


def test_files_of_dev_are_private(dev: Dev, home: Path) -> None:
    """As root, `dev` makes the folders above the data searchable (o+x), and reports them."""
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


def test_files_of_dev_are_ignored_by_git(dev: Dev, home: Path) -> None:
    assert (home / ".todo-graphql/.gitignore").read_text() == "*\n"


def test_only_one_dev_server_per_folder(dev: Dev, home: Path) -> None:
    port = dev.url.rpartition(":")[2]
    for taken in ("0", port):
        sentence = refusal("dev", "--port", taken, folder=home)
        assert sentence == f"Another `todo-graphql dev` is running in {home}: stop it first."
    assert dev.ask("{ me { id } }")


@pytest.mark.no_cover
def test_dev_with_port_in_use_creates_nothing(dev: Dev, elsewhere: Path) -> None:
    port = dev.url.rpartition(":")[2]
    sentence = refusal("dev", folder=elsewhere, PORT=port)
    assert sentence.startswith(f"Cannot listen on 127.0.0.1:{port} (Address already in use)")
    assert list(elsewhere.iterdir()) == []


def test_workspace_that_is_not_writable_is_rejected(tmp_path: Path) -> None:
    """A file in place of the folder stops root as well."""
    (tmp_path / "kept").write_text("")
    with pytest.raises(ConfigurationError) as refused, workspace(tmp_path / "kept"):
        pytest.fail("The folder was created.")
    assert str(refused.value) == (
        f"Cannot write to {tmp_path / 'kept'} (File exists): run the command in a writable folder."
    )


def test_weak_secret_is_rejected_before_postgresql_starts(elsewhere: Path) -> None:
    sentence = refusal("dev", "--port", "0", folder=elsewhere, BETTER_AUTH_SECRET="weak")
    assert sentence.startswith("BETTER_AUTH_SECRET is too short")
    assert not (elsewhere / ".todo-graphql/postgres").exists()


@pytest.mark.no_cover
def test_dev_migrates_and_uses_database_url(postgresql: SecretStr, elsewhere: Path) -> None:
    with scratch_database(postgresql) as url:
        with Dev(elsewhere, DATABASE_URL=url.get_secret_value()) as dev:
            dev.create("Elsewhere")
            assert dev.stop() == 0
        assert not (elsewhere / ".todo-graphql/postgres").exists()
        with administering(url) as connection:
            titles = connection.execute(text("SELECT title FROM tasks")).scalars().all()
    assert titles == ["Elsewhere"]


def test_partially_written_secret_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret.unfinished").write_text("too sh")
    secret = stored_secret(tmp_path / "secret", generate=True)
    assert secret is not None
    assert len(secret.get_secret_value()) == 64
    assert mode_of(tmp_path / "secret") == 0o600
    assert stored_secret(tmp_path / "secret", generate=False) == secret
