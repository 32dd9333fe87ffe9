"""The metrics of live streams."""

import pytest

from tests.server.observability.test_metrics import Scrape, free_port
from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.servers import serving
from tests.support.streams import streaming
from todo_graphql.server.live import limits
from todo_graphql.settings.settings import Settings


def test_streams_hints_events_and_delays_are_reported(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    with serving(settings.model_copy(update={"metrics_port": port})) as url:
        person = Person(url, settings)
        with streaming(url, person) as stream:
            stream.page()
            # The stream waits for the hint until then: a check could find the change before it.
            monkeypatch.setattr(limits, "CHECK_SECONDS", 0.1)
            person.create("new")
            stream.page()
            until(lambda: Scrape(port)["stream_empty_reads_total"] > 0, "a check")
            scrape = Scrape(port)
            assert scrape["streams"] == 1
            assert scrape["stream_hints_total"] == 1
            assert scrape["stream_events_total"] == 2
            assert scrape["stream_event_seconds_count"] == 1
            assert 0 < scrape["stream_event_seconds_sum"] < 10
        until(lambda: Scrape(port)["streams"] == 0, "the end of the stream")
        scrape = until(lambda: ended(port), "the end of the request")
        # A stream has no duration that an operator could compare with those of requests.
        assert scrape["request_seconds_count", "/graphql"] == 1
        assert scrape["statements_total"] >= 3


def test_mutation_that_accepts_a_stream_counts_no_hint_of_its_own(settings: Settings) -> None:
    port = free_port()
    create = 'mutation { createTask(input: {title: "new"}) { revision } }'
    with serving(settings.model_copy(update={"metrics_port": port})) as url:
        person = Person(url, settings)
        with streaming(url, person) as stream:
            stream.page()
            with streaming(url, person, create) as response:
                assert response.next() == {"data": {"createTask": {"revision": 1}}}
            stream.page()
            assert Scrape(port)["stream_hints_total"] == 1


def ended(port: int) -> Scrape | None:
    """Return a scrape after both requests have been counted."""
    scrape = Scrape(port)
    return scrape if scrape["requests_total", "/graphql", "200"] == 2 else None
