"""Processes that die or hang: the server, its workers, and the PostgreSQL of `dev`."""

import re
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from tests.server.observability.test_metrics import Scrape, free_port
from tests.support import commands
from tests.support.administrators import administering
from tests.support.api_client import Person
from tests.support.commands import PATIENCE, Dev, Service, home_of_dev, postmaster_of, until
from tests.support.http_client import HOST, LENGTH, connected, post, status
from tests.support.servers import serving, variables_for
from todo_graphql.errors import OUTCOME_UNKNOWN
from todo_graphql.settings.settings import Settings

pytestmark = pytest.mark.no_cover

WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def test_dev_restarts_killed_postgresql(tmp_path: Path) -> None:
    with home_of_dev(tmp_path / "home") as home, Dev(home) as dev:
        dev.create("Buy milk")
        killed = postmaster_of(home)
        assert killed is not None
        killed.kill()

        def another() -> bool:
            server = postmaster_of(home)
            return server is not None and server.pid != killed.pid

        until(another, "another PostgreSQL")
        until(lambda: dev.get("/health/ready").status_code == 200, "readiness")
        assert dev.titles() == ["Buy milk"]


def test_unfinished_request_body_does_not_delay_shutdown(tmp_path: Path) -> None:
    """The shutdown rejects the unfinished request with 503."""
    with home_of_dev(tmp_path / "home") as home, Dev(home) as dev:
        request = post(None, HOST, b"Authorization: Bearer " + dev.token.encode(), LENGTH)
        with connected(dev.url) as client:
            client.sendall(request + b"{")
            until(lambda: dev.get("/health/live").status_code == 200, "liveness")
            assert dev.stop() == 0
            assert status(client) == 503
        assert "Traceback" not in dev.output


def test_unfinished_operation_is_cancelled_at_shutdown(settings: Settings) -> None:
    """The client learns that the outcome is unknown, and no thread keeps the server alive."""
    patient = settings.model_copy(
        update={"request_timeout": 60.0, "database_statement_timeout": 59.0}
    )
    url = settings.required_database_url()
    with ThreadPoolExecutor(1) as threads, administering(url) as admin:
        with serving(patient) as base:
            person = Person(base, patient)
            person.create("first")
            admin.execute(text("BEGIN"))
            admin.execute(text("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE"))
            answer = threads.submit(person.create, "second")
            until(
                lambda: admin.execute(WAITING).scalar_one() or None,
                "a statement that waits for a lock",
            )
        with pytest.raises(AssertionError, match=re.escape(OUTCOME_UNKNOWN)):
            answer.result(PATIENCE)
        admin.execute(text("ROLLBACK"))


def test_workers_end_with_their_parent(settings: Settings, tmp_path: Path) -> None:
    """Remaining workers would keep the port."""
    given = variables_for(settings.required_database_url())
    with Service("serve", "--workers", "2", folder=tmp_path, **given) as server:
        family = psutil.Process(server.process.pid).children(recursive=True)
        server.process.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=60)
        assert alive == []


def test_hung_worker_is_replaced(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other worker serves meanwhile, and the metrics count the death."""
    program = (
        "from todo_graphql import cli; from todo_graphql.runtime import supervisor; "
        "supervisor.MISSED_CHECKS = 5; cli.main()"
    )
    monkeypatch.setattr(commands, "PROGRAM", (sys.executable, "-c", program))
    port = free_port()
    given = variables_for(settings.required_database_url()) | {"METRICS_PORT": str(port)}
    with Service("serve", "--workers", "2", folder=tmp_path, **given) as server:
        parent = psutil.Process(server.process.pid)
        until(lambda: Scrape(port)["workers"] == 2, "both workers")
        hung, other = parent.children()
        hung.suspend()
        assert all(server.lives() for _ in range(5))
        server.wait_for(f"Worker {hung.pid} does not respond; it is replaced.")
        until(lambda: Scrape(port)["worker_deaths_total"] == 1, "a death")
        until(lambda: Scrape(port)["workers"] == 2, "a successor")
        (successor,) = set(parent.children()) - {other}
        assert not hung.is_running()
        other.kill()  # only the successor can respond
        assert server.lives()
        until(lambda: Scrape(port)["worker_deaths_total"] == 2, "another death")
        until(lambda: Scrape(port)["workers"] == 2, "another successor")
        assert successor.is_running()
        assert server.stop() == 0
