"""Health checks, and operations while the database is unavailable, not ready or busy."""

import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, NullPool, create_engine, text

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.postgres import migrated_server
from tests.support.servers import migrated_database, scratch_database, serving, settings_for
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.store.postgres import migrations
from todo_graphql.store.postgres.engine import database_url

PAGE = "{ tasks { nodes { title } } }"
POOL_SIZE, MAX_OVERFLOW, CROWD = 2, 1, 12

CUT = text(
    "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
CONNECTIONS = text(
    "SELECT count(*), count(*) FILTER (WHERE wait_event_type = 'Lock') FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'todo-graphql'"
)


@pytest.fixture
def own(postgresql: SecretStr) -> Iterator[SecretStr]:
    """The URL of a migrated database for one test."""
    with migrated_database(postgresql) as url:
        yield url


@pytest.fixture(scope="module")
def fragile() -> Iterator[EmbeddedPostgres]:
    """A migrated PostgreSQL server, which a test stops and starts again."""
    with (
        tempfile.TemporaryDirectory(prefix="todo-", ignore_cleanup_errors=True) as folder,
        migrated_server(Path(folder) / "pg") as server,
    ):
        yield server


def administering(url: SecretStr) -> Engine:
    """Return an engine for connections besides those of the server."""
    return create_engine(database_url(url), poolclass=NullPool, isolation_level="AUTOCOMMIT")


def status(base: str, what: str) -> int:
    """Return the status of a health check."""
    return plain_http.get(f"{base}/health/{what}", timeout=30).status_code


def assert_unavailable(response: httpx.Response) -> None:
    """Assert that the response and each of its errors have the time of a retry."""
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    for error in response.json()["errors"]:
        assert error["extensions"]["code"] == "UNAVAILABLE"
        assert error["extensions"]["retryAfter"] >= 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("what", ["live", "ready"])
def test_health_check_requires_no_token(url: str, method: str, what: str) -> None:
    response = plain_http.request(method, f"{url}/health/{what}")
    assert response.status_code == 200
    assert method == "HEAD" or response.json() == {"status": what}


def test_server_recovers_with_its_database(fragile: EmbeddedPostgres) -> None:
    settings = settings_for(fragile.url)
    with serving(settings) as base:
        alice = Person(base, settings)
        task = alice.create()
        fragile.stop()
        for document in (PAGE, "{ me { id } }", "{ a: me { id } b: me { id } }"):
            assert_unavailable(alice.post(document))
        assert (status(base, "ready"), status(base, "live")) == (503, 200)
        assert alice.ask("{ __typename }") == {"__typename": "Query"}
        fragile.start()
        assert alice.find(task["id"]) == task
        assert (status(base, "ready"), status(base, "live")) == (200, 200)


def test_server_starts_without_its_database(fragile: EmbeddedPostgres) -> None:
    settings = settings_for(fragile.url)
    fragile.stop()
    with serving(settings) as base:
        alice = Person(base, settings)
        assert_unavailable(alice.post(PAGE))
        assert (status(base, "ready"), status(base, "live")) == (503, 200)
        fragile.start()
        assert alice.ask(PAGE) == {"tasks": {"nodes": []}}
        assert status(base, "ready") == 200


def test_concurrent_requests_share_connection_attempts() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=2 * CROWD) as silent:
        url = SecretStr(f"postgresql://user@127.0.0.1:{silent.getsockname()[1]}/name")
        given = {"database_pool_size": CROWD, "database_connect_timeout": 2}
        settings = settings_for(url, **given)
        with serving(settings) as base, ThreadPoolExecutor(CROWD) as threads:
            for response in threads.map(Person(base, settings).post, [PAGE] * CROWD):
                assert_unavailable(response)
        silent.setblocking(False)
        tries = 0
        with suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                tries += 1
    assert 1 <= tries <= CROWD // 2


def test_server_waits_for_migrations(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url:
        settings = settings_for(url)
        with serving(settings) as base:
            alice = Person(base, settings)
            assert_unavailable(alice.post(PAGE))
            assert (status(base, "ready"), status(base, "live")) == (503, 200)
            migrations.upgrade(settings)
            assert alice.ask(PAGE) == {"tasks": {"nodes": []}}
            assert status(base, "ready") == 200


def test_server_rejects_requests_without_row_level_security(own: SecretStr) -> None:
    with administering(own).connect() as admin:
        admin.execute(text("ALTER TABLE tasks DISABLE ROW LEVEL SECURITY"))
        settings = settings_for(own)
        with serving(settings) as base:
            alice = Person(base, settings)
            assert_unavailable(alice.post(PAGE))
            assert (status(base, "ready"), status(base, "live")) == (503, 200)
            admin.execute(text("ALTER TABLE tasks ENABLE ROW LEVEL SECURITY"))
            assert alice.ask(PAGE) == {"tasks": {"nodes": []}}


def test_terminated_connections_are_replaced(own: SecretStr) -> None:
    settings = settings_for(own)
    with serving(settings) as base, administering(own).connect() as admin:
        alice = Person(base, settings)
        task = alice.create()
        assert admin.execute(CUT).all()
        assert alice.find(task["id"]) == task


@contextmanager
def tasks_locked(admin: Engine) -> Iterator[None]:
    """Block all statements that read tasks."""
    with admin.connect() as connection:
        connection.execute(text("BEGIN"))
        connection.execute(text("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE"))
        yield
        connection.execute(text("ROLLBACK"))


def connections(admin: Engine) -> tuple[int, int]:
    """Return the numbers of the server's connections, and of those that wait for a lock."""
    with admin.connect() as connection:
        total, waiting = connection.execute(CONNECTIONS).one()
    return int(total), int(waiting)


def test_queued_operations_do_not_block_the_event_loop(own: SecretStr) -> None:
    settings = settings_for(
        own,
        database_pool_size=POOL_SIZE,
        database_max_overflow=MAX_OVERFLOW,
        database_statement_timeout=60,
        request_timeout=60,
    )
    admin, most = administering(own), POOL_SIZE + MAX_OVERFLOW
    with serving(settings) as base, ThreadPoolExecutor(CROWD) as threads:
        crowd = [Person(base, settings) for _ in range(CROWD)]
        crowd[0].create()
        with tasks_locked(admin):
            futures = [threads.submit(person.ask, PAGE) for person in crowd]
            until(lambda: connections(admin)[1] == most, "all workers")
            # All workers wait for PostgreSQL, and the event loop is free.
            assert connections(admin) == (most, most)
            assert status(base, "live") == 200
            assert plain_http.post(f"{base}/graphql").status_code == 401
            assert not any(future.done() for future in futures)
        titles = [len(future.result()["tasks"]["nodes"]) for future in futures]
        assert titles == [1] + [0] * (CROWD - 1)
        assert connections(admin)[0] <= most
