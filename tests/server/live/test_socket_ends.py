"""The answer of a WebSocket to each end of a stream, and to events without memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.server.live.test_streams import titles_of
from tests.server.live.test_websocket_ends import LONG, ME
from tests.support.api_client import Person
from tests.support.streams import SSE, SUBSCRIPTION, streaming
from tests.support.websockets import graphql_socket
from todo_graphql.errors import Unavailable
from todo_graphql.server.http.unsent_responses import UnsentResponses
from todo_graphql.server.live import limits
from todo_graphql.server.live.streams import LiveStreams
from todo_graphql.server.observability.live_statistics import StreamEnd

CODES = {
    StreamEnd.COMPLETED: None,
    StreamEnd.EXPIRED: 4403,
    StreamEnd.TOO_SLOW: 1013,
    StreamEnd.FAILED: 1013,
}
"""The close code after each end that the client does not bring about itself. SHUTDOWN closes all
sockets.
"""


@pytest.mark.parametrize(
    "end", [end for end in StreamEnd if end not in (StreamEnd.DISCONNECTED, StreamEnd.SHUTDOWN)]
)
def test_each_end_of_a_stream_is_told_to_the_client(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch, end: StreamEnd
) -> None:
    async def run(_streams: LiveStreams, *given: Any) -> StreamEnd:
        given[-1].close()
        return end

    monkeypatch.setattr(LiveStreams, "run", run)
    with graphql_socket(url, alice) as socket:
        socket.subscribe()
        if CODES[end] is None:
            assert socket.receive() == {"type": "complete", "id": "1"}
            assert socket.ask(ME)["data"]
        else:
            assert socket.await_close()[0] == CODES[end]


@pytest.mark.parametrize("is_websocket", [False, True])
def test_first_event_waits_for_memory(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch, is_websocket: bool
) -> None:
    """Responses that the client has not read yet may hold all of it."""
    monkeypatch.setattr(limits, "MIN_PAUSE_SECONDS", 0.01)
    failures, share = list[int](), UnsentResponses.share

    @asynccontextmanager
    async def full(responses: UnsentResponses, *given: Any, **options: Any) -> AsyncIterator[None]:
        if len(failures) < 3:
            failures.append(0)
            raise Unavailable("Too many of your responses are unread.", retry_after=0)
        async with share(responses, *given, **options):
            yield

    alice.create_many(*["x"] * 10, description=LONG)
    document = SUBSCRIPTION.replace("title", "title description")
    monkeypatch.setattr(UnsentResponses, "share", full)
    if is_websocket:
        with graphql_socket(url, alice) as socket:
            socket.subscribe("1", document)
            assert titles_of(socket.page()) == ["x"] * 10
            assert socket.ask(ME)["data"]
    else:
        with streaming(url, alice, document, SSE) as stream:
            assert titles_of(stream.page()) == ["x"] * 10
    assert len(failures) == 3
