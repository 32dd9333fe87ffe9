"""Log messages of database outages."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from pydantic import SecretStr

from tests.support.api_client import Person
from tests.support.postgres import migrated_server
from tests.support.servers import scratch_database, serving, settings_for
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.errors import Unavailable
from todo_graphql.server.app import Components
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres import outages, pool
from todo_graphql.store.postgres.engine import database_url
from todo_graphql.store.postgres.outages import RECOVERED, redacted_message

PAGE = "{ tasks { nodes { title } } }"
NO_SOCKET = "connection to server on socket *** failed: No such file or directory"


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """Migrated PostgreSQL server of one test."""
    with migrated_server(tmp_path / "postgres") as server:
        yield server


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """Return the outage messages so far."""
    return [
        (record.levelno, record.getMessage())
        for record in caplog.records
        if record.name == outages.__name__
    ]


def away(settings: Settings) -> None:
    with pytest.raises(Unavailable):
        Components(settings).readiness.require_rls_check()


def test_outage_and_recovery_are_logged_once(
    fragile: EmbeddedPostgres, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for(fragile.url)
    with serving(settings) as url:
        alice = Person(url, settings)
        alice.ask(PAGE)
        fragile.stop()
        assert [alice.post(PAGE).status_code for _ in range(5)] == [503] * 5
        fragile.start()
        for _ in range(3):
            alice.ask(PAGE)
    log = capfd.readouterr().err
    assert log.count(f"The database is unavailable: {NO_SOCKET}.") == 1
    assert log.count(RECOVERED) == 1
    assert log.count(outages.__name__) == 2
    assert log.count(str(fragile.folder)) == 0


def test_unsent_write_is_reported_as_unavailable(
    fragile: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "FRESH_SECONDS", 0.0)  # every checkout pings
    settings = settings_for(fragile.url)
    with serving(settings) as url:
        alice = Person(url, settings)
        alice.create()
        fragile.stop()
        refusal = alice.refusal('mutation { createTask(input: {title: "a"}) { task { id } } }')
        assert refusal["message"] == "The database is unavailable. Try again in a moment."
        fragile.start()
        assert alice.titles() == ["Buy milk"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "connection to server at ***, port *** failed: Connection refused"),
        ("?sslmode=swordfish", "invalid sslmode value: ***"),
    ],
)
def test_outage_log_contains_no_part_of_database_url(
    query: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away(settings_for(SecretStr(f"postgresql://me:swordfish@127.0.0.1:{port}/herring{query}")))
    assert told(caplog) == [(logging.ERROR, f"The database is unavailable: {reason}.")]
    secrets = ("swordfish", "herring", "127.0.0.1", str(port))
    assert not [word for word in secrets if word in caplog.text]


@pytest.mark.plain_postgresql
def test_outage_log_omits_missing_database_name(
    postgresql: SecretStr, caplog: pytest.LogCaptureFixture
) -> None:
    with scratch_database(postgresql) as url:
        gone = url
    away(settings_for(gone))
    reason = "connection to server on socket *** failed: FATAL: database *** does not exist"
    assert told(caplog) == [(logging.ERROR, f"The database is unavailable: {reason}.")]
    assert str(database_url(gone).database) not in caplog.text


OPTIONS = {
    "host": "Db.example,10.1.2.3",
    "port": 6543,
    "user": "me",
    "password": "sword.fish",
    "dbname": "herring",
    "connect_timeout": 5,
}
MESSAGES = {
    'could not translate host name "db.example" to address: Name or service not known\n': (
        "could not translate host name *** to address: Name or service not known"
    ),
    'connection to server at "localhost" (127.0.0.1), port 5432 failed: timeout expired\n': (
        "connection to server at *** (***), port *** failed: timeout expired"
    ),
    'connection to server at "x" (fe80::1:2), port 1 failed: FATAL:  no such database: herring\n': (
        "connection to server at *** (***), port *** failed: FATAL: no such database: ***"
    ),
    "FATAL:  Passwort-Authentifizierung für Benutzer »me« fehlgeschlagen\n": (
        "FATAL: Passwort-Authentifizierung für Benutzer »***« fehlgeschlagen"
    ),
    "server at db.example:6543 (10.1.2.3, 10.9.9.9) refused sword.fish\n\tTry it again.\n": (
        "server at ***:*** (***, ***) refused ***"
    ),
    'connection to "a" failed\nconnection to "b" failed\n': (
        "connection to *** failed; connection to *** failed"
    ),
    "SSL error: certificate verify failed": "SSL error: certificate verify failed",
    "": "OperationalError",
}


@pytest.mark.parametrize(("message", "reason"), MESSAGES.items())
def test_driver_message_is_redacted(message: str, reason: str) -> None:
    assert redacted_message(psycopg2.OperationalError(message), OPTIONS) == reason


def test_flapping_outage_is_logged_once(
    fragile: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(fragile.url)
    fragile.stop()
    components = Components(settings)
    for _ in range(2):
        with pytest.raises(Unavailable):
            components.readiness.require_rls_check()
        fragile.start()
        with components.database.engine.connect():
            pass
        components.database.engine.dispose()
        fragile.stop()
    assert [level for level, _ in told(caplog)] == [logging.ERROR, logging.WARNING]
