"""`todo-graphql serve`: refuses what is unsafe, and waits for what may come."""

import gc
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from uvicorn.config import STARTUP_FAILURE

from tests.server.observability.test_metrics import free_port
from tests.support.administrators import administer
from tests.support.commands import Service, refusal, run, until
from tests.support.servers import (
    SECRET,
    migrated_database,
    scratch_database,
    settings_for,
    variables_for,
)
from todo_graphql.dev.command import DEMO_USER, token_for
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.runtime.listening import listening
from todo_graphql.runtime.uvicorn_server import create_frozen_app
from todo_graphql.settings.settings import ConfigurationError, Settings
from todo_graphql.store.postgres import migrations

CREATE = 'mutation { createTask(input: {title: "Buy milk"}) { task { id } } }'
SOMEWHERE = "postgresql://127.0.0.1:1/nothing"
UNSAFE = {
    "no database": ({"BETTER_AUTH_SECRET": SECRET}, "DATABASE_URL is not set: "),
    "no secret": ({"DATABASE_URL": SOMEWHERE}, "BETTER_AUTH_SECRET is not set: "),
    "a weak secret": (
        {"DATABASE_URL": SOMEWHERE, "BETTER_AUTH_SECRET": "swordfish"},
        "BETTER_AUTH_SECRET is too short: ",
    ),
    "no port": (
        {"DATABASE_URL": SOMEWHERE, "BETTER_AUTH_SECRET": SECRET, "PORT": "http"},
        "PORT is not usable: ",
    ),
    "an option that nobody knows": (
        {"DATABASE_URL": f"{SOMEWHERE}?swordfish=1", "BETTER_AUTH_SECRET": SECRET},
        "DATABASE_URL is not usable: it has an option, behind the `?`, ",
    ),
    "no URL": (
        {"DATABASE_URL": "postgresql://me:swordfish@host:five/", "BETTER_AUTH_SECRET": SECRET},
        "DATABASE_URL is not usable: ",
    ),
}


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL that may be stopped, and whose roles may be changed. It is not started."""
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    try:
        yield server
    finally:
        server.stop()


def token() -> str:
    """Signed with the secret that `serve` is given here."""
    return token_for(DEMO_USER, settings_for(SecretStr(SOMEWHERE)), 3_600)


@pytest.mark.parametrize(("given", "beginning"), UNSAFE.values(), ids=UNSAFE)
def test_it_refuses_settings(tmp_path: Path, given: dict[str, str], beginning: str) -> None:
    """In one sentence, which holds no secret."""
    sentence = refusal("serve", folder=tmp_path, **given)
    assert sentence.startswith(beginning)
    assert "swordfish" not in sentence


def test_every_reason_is_given_at_once(tmp_path: Path) -> None:
    """Those of settings that are good by themselves, too."""
    given = {"BETTER_AUTH_SECRET": "swordfish", "BETTER_AUTH_OLD_SECRETS": " , swordfish1"}
    given |= {"METRICS_PORT": "8000", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    given |= {"OTEL_BSP_SCHEDULE_DELAY": "0"}
    sentence = refusal("serve", folder=tmp_path, **given)
    for beginning in (
        "DATABASE_URL is not set: ",
        "BETTER_AUTH_SECRET is too short: ",
        "One of BETTER_AUTH_OLD_SECRETS is too short: ",
        "OpenTelemetry cannot start with its variables (OTEL_…): ",
        "METRICS_PORT is not usable: ",
    ):
        assert sentence.count(beginning) == 1
    assert "swordfish" not in sentence


def test_it_refuses_a_database_without_row_level_security(
    postgresql: SecretStr, tmp_path: Path
) -> None:
    """One statement of an administrator is enough to lose it."""
    with migrated_database(postgresql) as url:
        administer(url, "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY")
        sentence = told_refusal(tmp_path, **variables_for(url))
    assert sentence.startswith("Row-level security is not effective")


def told_refusal(folder: Path, *arguments: str, **settings: str) -> str:
    """The last line of the log of a server that does not start. There is nothing but its lines."""
    finished = run("serve", *arguments, folder=folder, **settings)
    *_, last = [json.loads(line) for line in finished.stderr.splitlines()]
    assert (finished.returncode, finished.stdout, last["level"]) == (1, "", "CRITICAL")
    sentence: str = last["message"]
    return sentence


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_nobody_foresaw_at_start_is_told_and_not_tried_again(
    workers: str, tmp_path: Path
) -> None:
    """Such as a library that cannot be loaded. It is one line of the log for each process."""
    (tmp_path / "prometheus_client.py").write_text("words = 'swordfish'\nraise RuntimeError(words)")
    given = variables_for(SecretStr(SOMEWHERE)) | {"METRICS_PORT": str(free_port())}
    finished = run("serve", "--workers", workers, folder=tmp_path, **given)
    lines = [json.loads(line) for line in finished.stderr.splitlines()]
    told = [line for line in lines if line["message"] == "The server cannot start."]
    assert (finished.returncode, bool(told)) == (STARTUP_FAILURE, True)
    assert len(told) <= int(workers)
    assert all(line["exception"].endswith("RuntimeError") for line in told)
    assert "swordfish" not in finished.stderr


def test_it_refuses_a_port_that_is_in_use(settings: Settings, tmp_path: Path) -> None:
    """--port comes before PORT."""
    given = variables_for(settings.required_database_url())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = told_refusal(tmp_path, "--port", str(port), **given)
    assert sentence.startswith(f"Cannot listen on 127.0.0.1:{port} (Address already in use): ")


@pytest.mark.parametrize("host", ["203.0.113.1", "a" * 80])
def test_it_refuses_an_address_that_is_not_ours(host: str) -> None:
    """HOST counts: the first is reserved for documentation, the other too long."""
    settings = settings_for(SecretStr(SOMEWHERE), host=host)
    with pytest.raises(ConfigurationError) as refused, listening(settings):
        pytest.fail("It is listening.")
    assert str(refused.value).startswith(f"Cannot listen on {host}:0 (")
    assert str(refused.value).endswith("): choose another PORT or HOST.")


def test_it_waits_for_its_database(own_server: EmbeddedPostgres, tmp_path: Path) -> None:
    """Down, empty, migrated, down again: it says so, and heals by itself. And once its role
    could see everything, the next one refuses to start.
    """
    settings = variables_for(own_server.url)
    with Service("serve", folder=tmp_path, **settings) as server:
        assert_not_ready(server, "The database is unavailable. Try again in a moment.")
        own_server.start()
        until(lambda: "migrate" in reason_of(server), "a database that is empty")
        assert_unavailable(server)
        assert run("migrate", folder=tmp_path, **settings).returncode == 0
        until(lambda: reason_of(server) == "", "readiness")
        assert server.post(CREATE, token()).json()["data"]["createTask"]["task"]["id"]
        own_server.stop()
        assert_not_ready(server, "The database is unavailable. Try again in a moment.")
        own_server.start()
        until(lambda: reason_of(server) == "", "readiness")
        assert "errors" not in server.post(CREATE, token()).json()
        assert server.stop() == 0
        assert "Traceback" not in server.output
    administer(own_server.url, "ALTER ROLE todo_app BYPASSRLS")
    sentence = told_refusal(tmp_path, **settings)
    assert sentence.startswith("The role todo_app is a superuser or has BYPASSRLS: ")


def test_it_waits_for_its_migrations(postgresql: SecretStr, tmp_path: Path) -> None:
    """It says so at once, in its log."""
    with (
        scratch_database(postgresql) as url,
        Service("serve", folder=tmp_path, **variables_for(url)) as server,
    ):
        assert "The database is not migrated: run `todo-graphql migrate`." in server.output
        assert "migrate" in reason_of(server)
        assert_unavailable(server)
        migrations.upgrade(settings_for(url))
        until(lambda: reason_of(server) == "", "readiness")


def reason_of(server: Service) -> str:
    """What it has against being ready; empty when it is."""
    answer = server.get("/health/ready")
    reason: str = answer.json().get("reason", "")
    assert (answer.status_code, answer.json()["status"]) == (
        (503, "not ready") if reason else (200, "ready")
    )
    return reason


def assert_not_ready(server: Service, reason: str) -> None:
    """It lives, and refuses to work in the way that clients are told to wait."""
    assert server.get("/health/live").status_code == 200
    assert reason_of(server) == reason
    assert_unavailable(server)


def assert_unavailable(server: Service) -> None:
    """An operation of somebody whom it knows."""
    answer = server.post(CREATE, token())
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (503, "UNAVAILABLE")
    assert int(answer.headers["retry-after"]) == error["extensions"]["retryAfter"] > 0


def test_what_stays_is_not_collected() -> None:
    """The collector looks at what is there when the application has been made once, and then no
    more.
    """
    gc.disable()  # as the command does before it imports anything
    try:
        app = create_frozen_app(settings_for(SecretStr(SOMEWHERE)))
        assert gc.isenabled()
        assert gc.get_freeze_count() > 10_000
        assert not [it for it in gc.get_objects() if it is app]
    finally:
        gc.enable()
        gc.unfreeze()
