"""Signals: requests in progress are finished, and new ones are refused."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, text

from tests.support.administrators import administering
from tests.support.api_client import Person
from tests.support.commands import Service, until
from tests.support.servers import settings_for, variables_for
from todo_graphql.runtime.listening import listening
from todo_graphql.runtime.signals import graceful_shutdown
from todo_graphql.runtime.uvicorn_server import run as serve
from todo_graphql.runtime.uvicorn_server import uvicorn_config
from todo_graphql.server.app import create_app
from todo_graphql.settings.settings import Settings

CREATE = 'mutation { createTask(input: {title: "second"}) { task { id } } }'
SOMEWHERE = "postgresql://127.0.0.1:1/nothing"


@pytest.mark.parametrize("workers", [1, 2])
def test_request_in_progress_is_finished_after_sigterm(
    settings: Settings, tmp_path: Path, workers: int
) -> None:
    """The URL begins with `postgres://` here."""
    database = settings.required_database_url()
    url = SecretStr(database.get_secret_value().replace("postgresql://", "postgres://"))
    given = {**variables_for(url), "DATABASE_STATEMENT_TIMEOUT": "60", "REQUEST_TIMEOUT": "60"}
    with Service("serve", "--workers", str(workers), folder=tmp_path, **given) as server:
        person = Person(server.url, settings)
        person.create()
        family = psutil.Process(server.process.pid).children(recursive=True)
        assert len(workers_of(server)) == (workers if workers > 1 else 0)
        with administering(database) as admin, blocked_mutation(person, admin) as answers:
            server.process.send_signal(signal.SIGTERM)
            server.wait_for("Waiting for connections to close")
            until(lambda: not server.lives(), "a listener that all processes have closed")
        assert [answer.get("data") is not None for answer in answers] == [True]
        assert server.process.wait(60) == 0
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []


def workers_of(server: Service) -> list[psutil.Process]:
    """Return the worker processes, which are forked or spawned."""
    own = psutil.Process(server.process.pid)
    is_fork = sys.platform == "linux"
    return [it for it in own.children() if is_fork or "spawn_main" in str(it.cmdline())]


@contextlib.contextmanager
def blocked_mutation(person: Person, admin: Connection) -> Iterator[list[dict[str, Any]]]:
    """Hold a mutation up by a lock during the block, and collect its response."""
    answers: list[dict[str, Any]] = []
    thread = threading.Thread(
        target=lambda: answers.append(person.post(CREATE).json()), daemon=True
    )
    admin.execute(text("BEGIN"))
    admin.execute(text("SELECT FROM users FOR UPDATE"))
    try:
        thread.start()
        waits = text(
            "SELECT true FROM pg_locks WHERE NOT granted"
            " AND transactionid = pg_current_xact_id()::xid"
        )
        until(lambda: admin.execute(waits).scalar(), "a waiting mutation")
        yield answers
    finally:
        admin.execute(text("ROLLBACK"))
    thread.join(60)


def test_signal_before_serving_stops_the_start() -> None:
    """The next step of the start-up obeys it, and the server does not announce its URL."""
    settings = settings_for(SecretStr(SOMEWHERE))
    before = signal.getsignal(signal.SIGTERM)
    with graceful_shutdown() as stop, listening(settings) as listener:
        stop.check()
        signal.raise_signal(signal.SIGHUP)
        with pytest.raises(SystemExit) as ended:
            stop.check()
        config = uvicorn_config(create_app(settings), settings)
        serve(config, listener, lambda: pytest.fail("The server announced its URL."), stop)
    assert ended.value.code == 128 + signal.SIGHUP
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("times", [1, 2])
def test_signal_at_readiness_stops_the_server(
    times: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second signal does not skip the shutdown of the application."""
    settings = settings_for(SecretStr(SOMEWHERE))

    def interrupt() -> None:
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)

    with graceful_shutdown() as stop, listening(settings) as listener:
        serve(uvicorn_config(create_app(settings), settings), listener, interrupt, stop)
    assert stop.signal == signal.SIGINT
    logged = capsys.readouterr().err
    assert "Application shutdown complete." in logged
    assert "ERROR" not in logged


def test_ignored_sighup_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with graceful_shutdown() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert stop.signal is None
    finally:
        signal.signal(signal.SIGHUP, before)
