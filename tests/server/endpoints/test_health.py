"""What a server does while its database is away, not ready or busy, and what it does then."""

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
    """The URL of a migrated database that nobody else uses."""
    with migrated_database(postgresql) as url:
        yield url


@pytest.fixture(scope="module")
def fragile() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL, migrated, that a test may stop; it starts it again, too."""
    with (
        tempfile.TemporaryDirectory(prefix="todo-", ignore_cleanup_errors=True) as folder,
        migrated_server(Path(folder) / "pg") as server,
    ):
        yield server


def administering(url: SecretStr) -> Engine:
    """Connections that are not a server's."""
    return create_engine(database_url(url), poolclass=NullPool, isolation_level="AUTOCOMMIT")


def status(base: str, what: str) -> int:
    """The status of a health check."""
    return httpx.get(f"{base}/health/{what}", timeout=30).status_code


def assert_unavailable(response: httpx.Response) -> None:
    """Everybody on the way can see that trying again makes sense, and when."""
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    for error in response.json()["errors"]:
        assert error["extensions"]["code"] == "UNAVAILABLE"
        assert error["extensions"]["retryAfter"] >= 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("what", ["live", "ready"])
def test_anybody_may_ask_how_a_server_is(url: str, method: str, what: str) -> None:
    response = httpx.request(method, f"{url}/health/{what}")
    assert response.status_code == 200
    assert method == "HEAD" or response.json() == {"status": what}


def test_a_server_answers_again_when_its_database_is_back(fragile: EmbeddedPostgres) -> None:
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


def test_a_server_may_start_before_its_database(fragile: EmbeddedPostgres) -> None:
    settings = settings_for(fragile.url)
    fragile.stop()
    with serving(settings) as base:
        alice = Person(base, settings)
        assert_unavailable(alice.post(PAGE))
        assert (status(base, "ready"), status(base, "live")) == (503, 200)
        fragile.start()
        assert alice.ask(PAGE) == {"tasks": {"nodes": []}}
        assert status(base, "ready") == 200


def test_a_crowd_does_not_ask_a_silent_database_one_by_one() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=2 * CROWD) as silent:
        url = SecretStr(f"postgresql://somebody@127.0.0.1:{silent.getsockname()[1]}/name")
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


def test_a_server_waits_for_the_migrations(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url:
        settings = settings_for(url)
        with serving(settings) as base:
            alice = Person(base, settings)
            assert_unavailable(alice.post(PAGE))
            assert (status(base, "ready"), status(base, "live")) == (503, 200)
            migrations.upgrade(settings)
            assert alice.ask(PAGE) == {"tasks": {"nodes": []}}
            assert status(base, "ready") == 200


def test_a_server_answers_nothing_from_an_unsafe_database(own: SecretStr) -> None:
    with administering(own).connect() as admin:
        admin.execute(text("ALTER TABLE tasks DISABLE ROW LEVEL SECURITY"))
        settings = settings_for(own)
        with serving(settings) as base:
            alice = Person(base, settings)
            assert_unavailable(alice.post(PAGE))
            assert (status(base, "ready"), status(base, "live")) == (503, 200)
            admin.execute(text("ALTER TABLE tasks ENABLE ROW LEVEL SECURITY"))
            assert alice.ask(PAGE) == {"tasks": {"nodes": []}}


def test_connections_that_were_cut_are_replaced_unnoticed(own: SecretStr) -> None:
    settings = settings_for(own)
    with serving(settings) as base, administering(own).connect() as admin:
        alice = Person(base, settings)
        task = alice.create()
        assert admin.execute(CUT).all()
        assert alice.find(task["id"]) == task


@contextmanager
def nobody_reads_tasks(admin: Engine) -> Iterator[None]:
    """Whoever asks for tasks waits."""
    with admin.connect() as connection:
        connection.execute(text("BEGIN"))
        connection.execute(text("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE"))
        yield
        connection.execute(text("ROLLBACK"))


def connections(admin: Engine) -> tuple[int, int]:
    """How many the server has, and on how many of those somebody waits."""
    with admin.connect() as connection:
        total, waiting = connection.execute(CONNECTIONS).one()
    return int(total), int(waiting)


def test_a_crowd_waits_for_its_turn_and_holds_up_nobody_else(own: SecretStr) -> None:
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
        with nobody_reads_tasks(admin):
            answers = [threads.submit(person.ask, PAGE) for person in crowd]
            until(lambda: connections(admin)[1] == most, "all workers")
            # All workers wait for PostgreSQL now, and the event loop waits for none of them.
            assert connections(admin) == (most, most)
            assert status(base, "live") == 200
            assert httpx.post(f"{base}/graphql").status_code == 401
            assert not any(answer.done() for answer in answers)
        titles = [len(answer.result()["tasks"]["nodes"]) for answer in answers]
        assert titles == [1] + [0] * (CROWD - 1)
        assert connections(admin)[0] <= most
