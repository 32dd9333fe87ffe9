"""`todo-graphql serve`: reasons to refuse a start, and recovery from outages."""

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
from todo_graphql.dev.demo_user import DEMO_USER, token_for
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
    "an unknown option": (
        {"DATABASE_URL": f"{SOMEWHERE}?swordfish=1", "BETTER_AUTH_SECRET": SECRET},
        "DATABASE_URL is not usable: must have options after the `?` that libpq knows.",
    ),
    "no URL": (
        {"DATABASE_URL": "postgresql://me:swordfish@host:five/", "BETTER_AUTH_SECRET": SECRET},
        "DATABASE_URL is not usable: ",
    ),
}


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """Yield a stopped PostgreSQL, whose roles the test may change."""
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    try:
        yield server
    finally:
        server.stop()


def token() -> str:
    """Return a token for the servers of this module."""
    return token_for(DEMO_USER, settings_for(SecretStr(SOMEWHERE)), 3_600)


@pytest.mark.no_cover
@pytest.mark.parametrize(("given", "beginning"), UNSAFE.values(), ids=UNSAFE)
def test_unusable_settings_are_refused(
    tmp_path: Path, given: dict[str, str], beginning: str
) -> None:
    sentence = refusal("serve", folder=tmp_path, **given)
    assert sentence.startswith(beginning)
    assert "swordfish" not in sentence


@pytest.mark.no_cover
def test_all_reasons_are_given_at_once(tmp_path: Path) -> None:
    """Reasons that depend on several settings are included."""
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


@pytest.mark.no_cover
def test_database_without_row_level_security_is_refused(
    postgresql: SecretStr, tmp_path: Path
) -> None:
    with migrated_database(postgresql) as url:
        administer(url, "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY")
        sentence = logged_refusal(tmp_path, **variables_for(url))
    assert sentence.startswith("Row-level security is not effective")


def logged_refusal(folder: Path, *arguments: str, **settings: str) -> str:
    """Return the last log message of a server that does not start, and prints only log lines."""
    finished = run("serve", *arguments, folder=folder, **settings)
    *_, last = [json.loads(line) for line in finished.stderr.splitlines()]
    assert (finished.returncode, finished.stdout, last["level"]) == (1, "", "CRITICAL")
    sentence: str = last["message"]
    return sentence


@pytest.mark.parametrize("workers", ["1", "2"])
def test_unexpected_error_at_start_is_logged_and_not_retried(workers: str, tmp_path: Path) -> None:
    """Each process logs one line for an error such as a library that cannot be loaded."""
    (tmp_path / "prometheus_client.py").write_text("words = 'swordfish'\nraise RuntimeError(words)")
    given = variables_for(SecretStr(SOMEWHERE)) | {"METRICS_PORT": str(free_port())}
    finished = run("serve", "--workers", workers, folder=tmp_path, **given)
    lines = [json.loads(line) for line in finished.stderr.splitlines()]
    logged = [line for line in lines if line["message"] == "The server cannot start."]
    assert (finished.returncode, bool(logged)) == (STARTUP_FAILURE, True)
    assert len(logged) <= int(workers)
    assert all(line["exception"].endswith("RuntimeError") for line in logged)
    assert "swordfish" not in finished.stderr


@pytest.mark.no_cover
def test_port_in_use_is_refused(settings: Settings, tmp_path: Path) -> None:
    """The option --port overrides PORT."""
    given = variables_for(settings.required_database_url())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = logged_refusal(tmp_path, "--port", str(port), **given)
    assert sentence.startswith(f"Cannot listen on 127.0.0.1:{port} (Address already in use): ")


@pytest.mark.parametrize("host", ["203.0.113.1", "a" * 80])
def test_host_of_another_machine_is_refused(host: str) -> None:
    """The first address is reserved for documentation, and the second one is too long."""
    settings = settings_for(SecretStr(SOMEWHERE), host=host)
    with pytest.raises(ConfigurationError) as refused, listening(settings):
        pytest.fail("It is listening.")
    assert str(refused.value).startswith(f"Cannot listen on {host}:0 (")
    assert str(refused.value).endswith("): choose another PORT or HOST.")


def test_server_recovers_when_the_database_is_available(
    own_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    """The database is unavailable, empty, migrated and unavailable again.

    A new server refuses to start once the role bypasses row-level security.
    """
    settings = variables_for(own_server.url)
    with Service("serve", folder=tmp_path, **settings) as server:
        assert_not_ready(server, "The database is unavailable. Try again in a moment.")
        own_server.start()
        until(lambda: "migrate" in reason_of(server), "an empty database")
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
    sentence = logged_refusal(tmp_path, **settings)
    assert sentence.startswith("The role todo_app is a superuser or has BYPASSRLS: ")


@pytest.mark.no_cover
def test_server_recovers_when_the_database_is_migrated(
    postgresql: SecretStr, tmp_path: Path
) -> None:
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
    """Return the reason why the server is not ready, or an empty string."""
    answer = server.get("/health/ready")
    reason: str = answer.json().get("reason", "")
    assert (answer.status_code, answer.json()["status"]) == (
        (503, "not ready") if reason else (200, "ready")
    )
    return reason


def assert_not_ready(server: Service, reason: str) -> None:
    """Assert that the server is live, not ready, and rejects operations with UNAVAILABLE."""
    assert server.get("/health/live").status_code == 200
    assert reason_of(server) == reason
    assert_unavailable(server)


def assert_unavailable(server: Service) -> None:
    """Assert that an operation is rejected with UNAVAILABLE and a time to retry."""
    answer = server.post(CREATE, token())
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (503, "UNAVAILABLE")
    assert int(answer.headers["retry-after"]) == error["extensions"]["retryAfter"] > 0


def test_application_is_exempt_from_garbage_collection() -> None:
    gc.unfreeze()  # what pytest has collected
    gc.disable()  # the command does this before its imports
    try:
        app = create_frozen_app(settings_for(SecretStr(SOMEWHERE)))
        assert gc.isenabled()
        assert gc.get_freeze_count() > 10_000
        assert not [it for it in gc.get_objects() if it is app]
    finally:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        gc.enable()
