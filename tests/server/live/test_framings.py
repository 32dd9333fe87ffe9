"""The framing of a stream that `Accept` chooses."""

import pytest
from starlette.responses import Response
from starlette.types import Scope

from todo_graphql.server.http.content_negotiation import response_type
from todo_graphql.server.live.framings import MULTIPART, SSE, Framing, accepted_framing

URQL = "text/event-stream, multipart/mixed"
GRAPHIQL = "application/json, multipart/mixed"
APOLLO = (
    "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,"
    "application/graphql-response+json,application/json;q=0.9"
)


def scope_of(accept: str | None) -> Scope:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    return {"type": "http", "path": "/graphql", "headers": headers}


@pytest.mark.parametrize(
    ("accept", "framing"),
    [
        (None, None),
        ("", None),
        ("*/*", None),
        ("application/json", None),
        ("text/*", None),
        (GRAPHIQL, None),
        ("multipart/mixed; deferSpec=20220824", None),
        ("text/event-stream;q=0", None),
        ("text/event-stream;q=x", None),
        ("text/event-stream" + ";a=b" * 400, None),
        ("text/event-stream", SSE),
        ("TEXT/Event-Stream; charset=utf-8", SSE),
        (URQL, SSE),
        ("application/json, text/event-stream;q=0.1", SSE),
        (APOLLO, MULTIPART),
        ('multipart/mixed;subscriptionSpec="1.0", application/json', MULTIPART),
        ("text/event-stream;q=0.5, multipart/mixed;subscriptionSpec=1.0", MULTIPART),
        ("multipart/mixed;subscriptionSpec=1.0, text/event-stream", MULTIPART),
        ("text/event-stream, multipart/mixed;subscriptionSpec=1.0", SSE),
    ],
)
def test_framing_is_chosen_by_accept(accept: str | None, framing: Framing | None) -> None:
    assert accepted_framing(scope_of(accept)) is framing


@pytest.mark.parametrize(
    ("accept", "status", "is_framed"),
    [
        ("text/event-stream", 200, True),
        ("text/event-stream", 400, True),
        ("text/event-stream", 429, False),
        ("text/event-stream", 503, False),
        ("text/event-stream, application/json", 200, False),
        (APOLLO, 400, False),
    ],
)
def test_single_result_is_an_event_unless_json_is_accepted(
    accept: str, status: int, is_framed: bool
) -> None:
    scope = scope_of(accept)
    response = Response(b"{}", status, media_type=response_type(scope, is_default=True))
    framing = accepted_framing(scope)
    assert framing is not None
    framed = framing.single_response(response, scope)
    assert (framed is not response) is is_framed
    if is_framed:
        assert framed.status_code == 200
        assert framed.body == b"event: next\ndata: {}\n\nevent: complete\ndata:\n\n"
