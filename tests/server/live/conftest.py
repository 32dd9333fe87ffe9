"""A server whose statistics of streams a test can read."""

from collections.abc import Iterator

import pytest

from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.issuer import Issuer, publishing
from tests.support.servers import serving
from todo_graphql.server.auth import jwks_client
from todo_graphql.server.observability.live_statistics import (
    LiveStatistics,
    StreamEnd,
    StreamRecord,
)
from todo_graphql.settings.settings import Settings


@pytest.fixture
def statistics(monkeypatch: pytest.MonkeyPatch) -> LiveStatistics:
    """Return the statistics of the next server that starts."""
    own = LiveStatistics()
    monkeypatch.setattr("todo_graphql.server.app.LiveStatistics", lambda: own)
    return own


class Ends:
    """The ends of the streams that begin during a test."""

    def __init__(self) -> None:
        self.records: list[StreamRecord] = []

    def record(self, transport: str) -> StreamRecord:
        self.records.append(StreamRecord(transport))
        return self.records[-1]

    def await_only(self) -> StreamEnd:
        """Return the end of the only stream, once it has ended."""
        (record,) = self.records
        return until(lambda: record.end, "the end of a stream")


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    own = Ends()
    monkeypatch.setattr("todo_graphql.server.live.http_streams.StreamRecord", own.record)
    return own


@pytest.fixture
def withdrawable(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Person, Issuer]]:
    """A user with a token of the first of two keys, and the issuer that publishes both."""
    monkeypatch.setattr(jwks_client, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(jwks_client, "INTERVAL_SECONDS", 0.1)
    with publishing(Issuer({"1": "EdDSA", "2": "EdDSA"})) as issuer:
        given = {"auth_jwks_url": issuer.url, "better_auth_secret": None}
        with serving(settings.model_copy(update=given)) as url:
            person = Person(url, settings)
            person.token = issuer.token("1")
            until(lambda: person.post("{ me { id } }").status_code == 200, "the keys")
            yield person, issuer


@pytest.fixture
def own_url(settings: Settings, statistics: LiveStatistics) -> Iterator[str]:
    """Yield the base URL of a server for one test, on the shared database."""
    assert statistics.streams == 0
    with serving(settings) as url:
        yield url
