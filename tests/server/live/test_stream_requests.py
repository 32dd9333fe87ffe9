"""Requests for a stream that get another response, or wait for their turn."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.server.live.test_streams import titles_of
from tests.support.api_client import Person
from tests.support.servers import serving
from tests.support.streams import (
    APOLLO,
    COMPLETED,
    MULTIPART,
    SSE,
    SUBSCRIPTION,
    Streaming,
    streaming,
)
from todo_graphql.server.live import limits
from todo_graphql.settings.settings import Settings


def test_foreign_user_id_completes_the_stream(url: str, alice: Person, mallory: Person) -> None:
    with streaming(url, mallory, userId=alice.id) as stream:
        event = stream.next()
        assert event["data"] is None
        assert event["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert stream.await_end() == COMPLETED


def test_subscription_without_a_stream_is_not_acceptable(alice: Person) -> None:
    response = alice.post(SUBSCRIPTION)
    (error,) = response.json()["errors"]
    assert response.status_code == 406
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "text/event-stream" in error["message"]
    assert "multipart/mixed;subscriptionSpec=1.0" in error["message"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { taskChanges(first: 0) { cursor } }", "BAD_USER_INPUT"),
        ('subscription { taskChanges(since: "x") { cursor } }', "BAD_USER_INPUT"),
        (
            "subscription { a: taskChanges { cursor } b: taskChanges { cursor } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
@pytest.mark.parametrize("accept", [SSE, MULTIPART])
def test_invalid_operation_is_an_event_and_completes(
    url: str, alice: Person, document: str, code: str, accept: str
) -> None:
    """A client of server-sent events repeats a request with another status."""
    with streaming(url, alice, document, accept) as stream:
        assert stream.status == 200
        assert stream.next()["errors"][0]["extensions"]["code"] == code
        assert (stream.next(), stream.end) == (None, COMPLETED)


def test_invalid_operation_stays_json_where_json_is_accepted(url: str, alice: Person) -> None:
    with streaming(url, alice, "subscription { nothing }", APOLLO) as stream:
        assert stream.status == 400
        assert stream.body()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    with streaming(url, alice, "{ me { revision } }", f"application/json, {SSE}") as stream:
        assert (stream.status, stream.body()) == (200, {"data": {"me": {"revision": 0}}})


def test_invalid_token_is_an_ordinary_response(url: str, alice: Person) -> None:
    alice.token += "x"
    with streaming(url, alice) as stream:
        assert stream.status == 401
        assert stream.body()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_streams_that_begin_at_once_wait_in_turn(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients subscribe again at the same time, for example after a restart."""
    monkeypatch.setattr(limits, "MAX_USER_STREAMS", 30)
    given = {"database_pool_size": 2, "database_max_overflow": 0, "max_waiting": 2}
    with serving(settings.model_copy(update=given)) as url, ExitStack() as streams:
        alice = Person(url, settings)
        alice.create("one")
        begun = threading.Barrier(20)

        def open_stream(accept: str) -> Streaming:
            begun.wait(30)
            return streams.enter_context(streaming(url, alice, accept=accept))

        with ThreadPoolExecutor(20) as threads:
            opened = threads.map(open_stream, [SSE, APOLLO] * 10)
            assert [titles_of(stream.page()) for stream in opened] == [["one"]] * 20
