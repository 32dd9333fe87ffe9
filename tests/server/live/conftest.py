"""A server whose statistics of streams a test can read."""

from collections.abc import Iterator

import pytest

from tests.support.commands import until
from tests.support.servers import serving
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
def own_url(settings: Settings, statistics: LiveStatistics) -> Iterator[str]:
    """Yield the base URL of a server for one test, on the shared database."""
    assert statistics.streams == 0
    with serving(settings) as url:
        yield url
