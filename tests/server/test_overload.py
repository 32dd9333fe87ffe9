"""A frozen database, and more requests than the queue accepts."""

import socket
import tempfile
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from tests.support import plain_http
from tests.support.administrators import administering
from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.data_files import ask_for_export, exported, imported, send
from tests.support.postgres import frozen
from tests.support.servers import serving, settings_for
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.errors import OUTCOME_UNKNOWN, TOO_LATE, Unavailable
from todo_graphql.server.endpoints.upload_budget import ALREADY_RUNNING
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import migrations
from todo_graphql.store.postgres.cancellation import Cancelled, SocketCanceller
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.tasks.transfer import export_pages, exports
from todo_graphql.store.tasks.transfer.export_pages import read_export_page

READ = "{ tasks(first: 1) { nodes { id } } }"
WRITE = 'mutation { createTask(input: {title: "x"}) { task { id } } }'
TIMEOUT, THREADS, WAITING = 1.0, 3, 4
CONNECTIONS = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'todo-graphql'")


class Home:
    """A server with its own PostgreSQL server, which a test can freeze."""

    def __init__(self, url: str, settings: Settings, postgres: EmbeddedPostgres) -> None:
        self.url = url
        self.settings = settings
        self.postgres = postgres

    def status(self, path: str) -> int:
        """Return the status of a health check."""
        return plain_http.get(f"{self.url}/health/{path}", timeout=30).status_code

    def connections(self) -> int:
        """Return the number of the server's connections to PostgreSQL."""
        with administering(self.settings.required_database_url()) as admin:
            return int(admin.execute(CONNECTIONS).scalar_one())


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = EmbeddedPostgres(Path(folder) / "pg", durable=False)
        server.start()
        settings = settings_for(
            server.url,
            database_pool_size=THREADS,
            database_max_overflow=0,
            database_connect_timeout=2,
            request_timeout=TIMEOUT,
            max_waiting=WAITING,
        )
        migrations.upgrade(settings)
        try:
            with serving(settings) as url:
                yield Home(url, settings, server)
        finally:
            server.stop()


def wait_for_recovery(person: Person) -> None:
    until(lambda: person.post(READ).status_code == 200, "a response")


def unavailable(response: httpx.Response) -> str:
    """Return the message of a response that must be UNAVAILABLE."""
    (error,) = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (503, "UNAVAILABLE")
    assert int(response.headers["retry-after"]) >= 1
    return str(error["message"])


def test_operations_time_out_while_postgresql_is_frozen(home: Home) -> None:
    """The server recovers, with no more connections than threads."""
    person = Person(home.url, home.settings)
    person.create()
    with frozen(home.postgres):
        assert unavailable(person.post(READ)) == TOO_LATE
        assert unavailable(person.post(WRITE)) == OUTCOME_UNKNOWN
        assert home.status("live") == 200
        assert home.status("ready") == 503
    wait_for_recovery(person)
    assert home.status("ready") == 200
    assert home.connections() <= THREADS


def test_ping_of_a_frozen_server_ends_when_it_is_aborted(home: Home) -> None:
    database = Database(home.settings)
    with database.connect_as(Viewer(uuid.uuid4())) as idle:
        idle.read(select(1))
    database.pool.invalidate_recent()  # so that the next checkout pings
    connection = database.connect_as(Viewer(uuid.uuid4()))
    with ThreadPoolExecutor(1) as threads, frozen(home.postgres):
        asked = threads.submit(connection.read, select(1))
        until(lambda: connection.current_wait > 0.2, "the ping")
        connection.abort()
        assert isinstance(asked.exception(10), Unavailable)
    database.close()


def message_of_import(person: Person) -> str:
    """Return the message of a rejected import, once the import before it has ended."""
    while (message := unavailable(send(person, '[{"title": "x"}]'))) == ALREADY_RUNNING:
        pass
    return message


def test_exports_and_imports_time_out_while_postgresql_is_frozen(home: Home) -> None:
    """No thread is held. An import fails at the timeout of its statement."""
    person = Person(home.url, home.settings)
    person.create()
    with frozen(home.postgres):
        for _ in range(THREADS):
            assert unavailable(ask_for_export(person)) == TOO_LATE
            assert message_of_import(person) == TOO_LATE
    wait_for_recovery(person)
    assert len(exported(person)) == 1
    assert imported(person, '[{"title": "x"}]')["created"] == 1
    assert home.connections() <= THREADS


def test_export_page_over_timeout_closes_the_connection(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The file is incomplete, and the server recovers."""
    monkeypatch.setattr(export_pages, "EXPORT_PAGE_SIZE", 2)
    person, pages = Person(home.url, home.settings), count(1)
    person.create_many(*"abcde")
    with administering(home.settings.required_database_url()) as admin:

        def locked(*given: Any) -> Any:
            if next(pages) == 2:
                admin.execute(text("BEGIN"))
                admin.execute(text("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE"))
            return read_export_page(*given)

        monkeypatch.setattr(exports, "read_export_page", locked)
        with pytest.raises(httpx.RemoteProtocolError):
            ask_for_export(person)
        admin.execute(text("ROLLBACK"))
    assert [record for record in caplog.records if record.exc_info] == []
    assert f"An export ended early: {TOO_LATE}" in caplog.messages
    wait_for_recovery(person)
    assert len(exported(person)) == 5


def test_requests_beyond_queue_limit_are_rejected(home: Home) -> None:
    person = Person(home.url, home.settings)
    crowd = [Person(home.url, home.settings) for _ in range(THREADS + WAITING + 2)]
    with (
        ThreadPoolExecutor(len(crowd)) as threads,
        administering(home.settings.required_database_url()) as admin,
    ):
        admin.execute(text("BEGIN"))
        admin.execute(text("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE"))
        messages = list(threads.map(lambda each: unavailable(each.post(READ)), crowd))
        admin.execute(text("ROLLBACK"))
    assert Counter(messages) == {
        "The server is overloaded. Try again in a moment.": 2,
        TOO_LATE: THREADS + WAITING,
    }
    wait_for_recovery(person)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        yield ours, theirs


def test_cancel_interrupts_socket_read(pair: Any) -> None:
    ours, _ = pair
    canceller, received = SocketCanceller(), list[bytes]()

    def wait() -> None:
        with canceller.watching(ours.fileno()):
            began.set()
            received.append(ours.recv(1))

    began = threading.Event()
    thread = threading.Thread(target=wait)
    thread.start()
    assert began.wait(10)
    canceller.cancel()
    thread.join(10)
    assert received == [b""]


def test_cancelled_socket_canceller_rejects_new_waits(pair: Any) -> None:
    ours, theirs = pair
    canceller = SocketCanceller()
    with canceller.watching(ours.fileno()):
        pass
    canceller.cancel()
    with pytest.raises(Cancelled), canceller.watching(ours.fileno()):
        pass
    theirs.send(b"x")
    assert ours.recv(1) == b"x", "the socket is no longer watched"
