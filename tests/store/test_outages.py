"""What the log says of a database that comes and goes."""

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
    """A PostgreSQL of the test's own, migrated."""
    with migrated_server(tmp_path / "postgres") as server:
        yield server


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """What was said of outages so far."""
    return [
        (record.levelno, record.getMessage())
        for record in caplog.records
        if record.name == outages.__name__
    ]


def away(settings: Settings) -> None:
    """Find out that the database cannot be reached."""
    with pytest.raises(Unavailable):
        Components(settings).readiness.require_proof()


def test_it_is_told_once_when_the_database_goes_and_once_when_it_is_back(
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


def test_what_could_not_be_sent_is_known_not_to_be_done(
    fragile: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "FRESH_SECONDS", 0.0)  # connections are asked whether they work
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
def test_why_it_is_away_is_told_without_a_word_of_its_url(
    query: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away(settings_for(SecretStr(f"postgresql://me:swordfish@127.0.0.1:{port}/herring{query}")))
    assert told(caplog) == [(logging.ERROR, f"The database is unavailable: {reason}.")]
    secrets = ("swordfish", "herring", "127.0.0.1", str(port))
    assert not [word for word in secrets if word in caplog.text]


def test_a_database_that_does_not_exist(
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
def test_the_message_of_the_driver_loses_its_names(message: str, reason: str) -> None:
    assert redacted_message(psycopg2.OperationalError(message), OPTIONS) == reason


def test_a_trouble_that_comes_and_goes_with_each_request_is_told_once(
    fragile: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    """Until a while has passed."""
    settings = settings_for(fragile.url)
    fragile.stop()
    components = Components(settings)
    for _ in range(2):
        with pytest.raises(Unavailable):
            components.readiness.require_proof()
        fragile.start()
        with components.database.engine.connect():
            pass
        components.database.engine.dispose()
        fragile.stop()
    assert [level for level, _ in told(caplog)] == [logging.ERROR, logging.WARNING]
