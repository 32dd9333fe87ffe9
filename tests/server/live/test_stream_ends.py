"""The ends of streams, and the limits on their number."""

import gc
import json
import threading
from contextlib import ExitStack
from typing import Any

import pytest

from tests.server.live.conftest import Ends
from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.data_files import imported
from tests.support.http_client import (
    answers,
    connected,
    head,
    held_operations,
    own,
    shrink_send_buffers,
)
from tests.support.issuer import Issuer
from tests.support.servers import serving
from tests.support.streams import COMPLETED, CUT, MULTIPART, SSE, SUBSCRIPTION, streaming
from todo_graphql.api.context import Context
from todo_graphql.api.sync.live_reads import LiveRead
from todo_graphql.dev.demo_user import token_for
from todo_graphql.errors import RateLimited
from todo_graphql.runtime.listening import listening
from todo_graphql.runtime.uvicorn_server import Server, uvicorn_config
from todo_graphql.server.app import create_app
from todo_graphql.server.live import limits
from todo_graphql.server.live.event_reader import Event
from todo_graphql.server.live.stream import Stream
from todo_graphql.server.observability.live_statistics import LiveStatistics, StreamEnd
from todo_graphql.server.protocol.limits import MinDataRate
from todo_graphql.settings.settings import Settings
from todo_graphql.store.sync.changes import Changes

LONG = "x" * 10_000


@pytest.mark.parametrize("accept", [SSE, MULTIPART])
def test_stream_is_cut_when_its_token_expires(
    url: str,
    alice: Person,
    settings: Settings,
    accept: str,
    ends: Ends,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without a completion, clients subscribe again, with a new token."""
    alice.token = token_for(alice.viewer, settings, 2)
    with streaming(url, alice, accept=accept) as stream:
        stream.page()
        assert stream.await_end() == CUT
    assert ends.await_only() is StreamEnd.EXPIRED
    assert ends.records[0].events == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_stream_is_cut_when_the_key_of_its_token_is_withdrawn(
    withdrawable: tuple[Person, Issuer], monkeypatch: pytest.MonkeyPatch, ends: Ends
) -> None:
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.1)
    person, issuer = withdrawable
    with streaming(person.url, person) as stream:
        stream.page()
        issuer.keys = {"2": "EdDSA"}
        assert stream.await_end() == CUT
    assert ends.await_only() is StreamEnd.EXPIRED


def test_streams_end_at_once_at_shutdown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, ends: Ends
) -> None:
    """A request in progress can finish afterwards."""
    ready = threading.Event()
    with listening(settings) as listener:
        server = Server(uvicorn_config(create_app(settings), settings, grace=60), ready.set)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        assert ready.wait(60)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        person, responses = Person(url, settings), list[Any]()
        with streaming(url, person) as stream:
            stream.page()
            begun, go_on = held_operations(monkeypatch)
            request = threading.Thread(
                target=lambda: responses.append(person.post("{ me { id } }"))
            )
            request.start()
            assert begun.wait(60)
            server.should_exit = True
            assert stream.await_end() == CUT
            assert request.is_alive()
            go_on.set()
            request.join(60)
            assert responses[0].status_code == 200
        thread.join(60)
        assert not thread.is_alive()
    assert ends.await_only() is StreamEnd.SHUTDOWN


def test_disconnect_of_the_client_frees_its_stream(
    own_url: str, settings: Settings, statistics: LiveStatistics, caplog: pytest.LogCaptureFixture
) -> None:
    person = Person(own_url, settings)
    with streaming(own_url, person) as stream:
        stream.page()
        assert statistics.streams == 1
        assert any(isinstance(each, Stream) for each in gc.get_objects())
    fields = until(lambda: fields_in_log(caplog), "the log line")
    assert (fields["end"], fields["status"], fields["transport"]) == ("disconnected", 200, "sse")
    assert fields["bytes"] > 100
    assert statistics.streams == 0

    def is_freed() -> bool:
        gc.collect()
        return not any(isinstance(each, Stream) for each in gc.get_objects())

    until(is_freed, "the memory of a stream")


def test_open_stream_keeps_no_event(own_url: str, settings: Settings) -> None:
    person = Person(own_url, settings)
    person.create("x")
    with streaming(own_url, person) as stream:
        assert len(stream.page()["changes"]) == 1

        def is_freed() -> bool:
            gc.collect()
            kept = Changes, Event, LiveRead
            return not any(isinstance(each, kept) for each in gc.get_objects())

        until(is_freed, "the memory of the first event")


def fields_in_log(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Return the fields of the log line of a stream, or nothing before there is one."""
    lines = [getattr(record, "fields", {}) for record in caplog.records]
    return next((fields for fields in lines if "end" in fields), {})


def test_client_that_does_not_read_an_event_is_cut(
    own_url: str,
    settings: Settings,
    statistics: LiveStatistics,
    monkeypatch: pytest.MonkeyPatch,
    ends: Ends,
) -> None:
    """Its memory is bounded meanwhile: one event at most."""
    monkeypatch.setattr(limits, "SEND_RATE", MinDataRate(0.5, 10**9))
    shrink_send_buffers(monkeypatch)
    person = Person(own_url, settings)
    document = "subscription { taskChanges { changes { task { description } } } }"
    body = json.dumps({"query": document}).encode()
    with connected(own_url, room=4_096) as connection:
        lines = own(person), b"Accept: text/event-stream", b"Content-Length: %d" % len(body)
        connection.sendall(
            head(b"POST /graphql HTTP/1.1", b"Host: x", *lines[0], *lines[1:]) + body
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        for _ in range(10):
            person.create_many(*["x"] * 5, description=LONG)
        assert ends.await_only() is StreamEnd.TOO_SLOW
    assert statistics.streams == 0


def test_stream_over_http_1_0_is_rejected(url: str, alice: Person) -> None:
    """The client has no chunks."""
    body = json.dumps({"query": SUBSCRIPTION}).encode()
    lines = b"Accept: text/event-stream", b"Content-Length: %d" % len(body)
    with connected(url) as connection:
        connection.sendall(head(b"POST /graphql HTTP/1.0", *own(alice), *lines) + body)
        assert answers(connection).startswith(b"HTTP/1.1 426 ")


def test_streams_of_a_user_are_limited(
    url: str, alice: Person, mallory: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_USER_STREAMS", 2)
    with ExitStack() as streams:
        first, second = (streams.enter_context(streaming(url, alice)) for _ in range(2))
        assert (first.status, second.status) == (200, 200)
        assert rejection(url, alice) == (429, "RATE_LIMITED")
        with streaming(url, mallory) as other:
            assert other.status == 200
    until(lambda: is_accepted(url, alice), "a free place")


def test_streams_of_a_process_are_limited(
    own_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_STREAMS", 1)
    alice, mallory = Person(own_url, settings), Person(own_url, settings)
    with streaming(own_url, alice) as stream:
        stream.page()
        assert rejection(own_url, mallory) == (503, "UNAVAILABLE")
    until(lambda: is_accepted(own_url, mallory), "a free place")


def rejection(url: str, person: Person) -> tuple[int, str]:
    """Return the status and the code of a subscription that is rejected, with a `Retry-After`."""
    with streaming(url, person) as stream:
        (error,) = stream.body()["errors"]
        assert int(stream.headers["retry-after"]) > 0
        return stream.status, error["extensions"]["code"]


def is_accepted(url: str, person: Person) -> bool:
    with streaming(url, person) as stream:
        return stream.status == 200


def test_event_waits_for_the_rate_limit(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first event is rejected by it, and a later one is late."""
    monkeypatch.setattr(limits, "MIN_PAUSE_SECONDS", 0.01)
    rejections = reject_budgets(monkeypatch, 2)
    with streaming(url, alice) as stream:
        stream.page()
        alice.create("late")
        assert [change["task"]["title"] for change in stream.page()["changes"]] == ["late"]
    assert rejections == [0, 0]


def reject_budgets(monkeypatch: pytest.MonkeyPatch, number: int) -> list[int]:
    """Reject the budget of this number of events."""
    rejected = list[int]()
    charge = Context.charge

    def reject(context: Context, cost: int) -> None:
        is_later = context.live_read is not None and context.live_read.cursor is not None
        if is_later and len(rejected) < number:
            rejected.append(0)
            raise RateLimited("Rate limit exceeded.", retry_after=0)
        charge(context, cost)

    monkeypatch.setattr(Context, "charge", reject)
    return rejected


def test_first_event_beyond_the_rate_limit_is_rejected(settings: Settings) -> None:
    with serving(settings.model_copy(update={"rate_limit": "900/hour"})) as url:
        person = Person(url, settings)
        with streaming(url, person) as stream:
            assert stream.status == 200
        assert rejection(url, person) == (429, "RATE_LIMITED")


def test_stream_is_cut_when_an_event_fails_unexpectedly(
    own_url: str, settings: Settings, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A completion would tell the client not to subscribe again."""
    person = Person(own_url, settings)
    with streaming(own_url, person) as stream:
        stream.page()
        with monkeypatch.context() as patch:
            patch.setattr("todo_graphql.store.tasks.repository.read_changes", None)
            person.create("new")
            assert stream.await_end() == CUT
    assert ends.await_only() is StreamEnd.FAILED
    with streaming(own_url, person) as stream:
        assert len(stream.page()["changes"]) == 1


def test_event_that_is_too_large_completes_the_stream(settings: Settings) -> None:
    document = "subscription { taskChanges { changes { task { description } } } }"
    with serving(settings.model_copy(update={"max_response_bytes": 65_536})) as url:
        person = Person(url, settings)
        with streaming(url, person, document) as stream:
            stream.page()
            imported(person, json.dumps([{"title": "x", "description": LONG}] * 10))
            (error,) = stream.next()["errors"]
            assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
            assert stream.await_end() == COMPLETED
