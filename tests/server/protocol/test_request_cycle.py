"""Request cycles with ASGI applications that break the rules."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.support.http_client import CHUNKED, HOST, head, said
from todo_graphql.server.protocol.http1 import HTTP1Protocol
from todo_graphql.server.sockets import listener_at


@contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """The base URL of an application on a thread of this process."""
    config = uvicorn.Config(app, http=HTTP1Protocol, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with listener_at("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield "http://127.0.0.1:%d" % listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


def application(*messages: dict[str, object]) -> ASGIApp:
    """Return an application that responds to every request with these messages."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, object]:
    return {"type": "http.response.start", "status": status, "headers": [*headers]}


def body(data: bytes = b"", *, more: bool = False) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": more}


LENGTH_2 = (b"content-length", b"2")
FIRST = head(b"GET / HTTP/1.1", HOST)
LAST = head(b"GET / HTTP/1.1", HOST, b"Connection: close")


@pytest.mark.parametrize(
    ("messages", "end"),
    [
        ([], b""),
        ([body()], b""),
        ([start((b"x", b"a\r\nb: c")), body()], b""),
        ([start((b"x", b"a\nb")), body()], b""),
        ([start((b"x", b"a\0b")), body()], b""),
        ([start(LENGTH_2), body(b"a")], b"\r\n\r\n"),
        ([start(LENGTH_2), body(b"a", more=True), body(b"bc")], b"\r\n\r\na"),
        ([start(), body(b"a", more=True)], b"\r\n\r\n1\r\na\r\n"),
        ([start(LENGTH_2), start()], b"\r\n\r\n"),
    ],
    ids=repr,
)
def test_incomplete_response_closes_the_connection(
    messages: list[dict[str, object]], end: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A client can tell that the response is incomplete."""
    with running(application(*messages)) as url:
        response = said(url, FIRST, LAST)
    assert response.partition(b"\r\n\r\n")[0].count(b"HTTP/1.1") <= 1
    assert response.endswith(end)
    assert b"b: c" not in response
    assert bool(end) is bool(response)
    assert [it.name for it in caplog.records if it.levelname == "ERROR"] == [
        "todo_graphql.server.protocol.request_cycle"
    ]


@pytest.mark.parametrize(
    ("method", "status", "headers", "sent", "received"),
    [
        (b"GET", 200, [LENGTH_2], b"ok", b"ok"),
        (b"GET", 200, [], b"ok", b"2\r\nok\r\n0\r\n\r\n"),
        (b"HEAD", 200, [LENGTH_2], b"", b""),
        (b"HEAD", 200, [], b"ok", b""),
        (b"GET", 204, [], b"", b""),
        (b"GET", 304, [], b"", b""),
    ],
)
def test_response_body_is_framed(
    method: bytes,
    status: int,
    headers: list[tuple[bytes, bytes]],
    sent: bytes,
    received: bytes,
) -> None:
    with running(application(start(*headers, status=status), body(sent))) as url:
        response = said(url, head(method + b" / HTTP/1.1", HOST, b"Connection: close"))
    lines, _, rest = response.partition(b"\r\n\r\n")
    assert rest == received
    assert (b"transfer-encoding: chunked" in lines) is (received.endswith(b"0\r\n\r\n"))
    assert b"connection: close" in lines


def test_response_with_connection_close_drops_pipelined_requests() -> None:
    close = (b"connection", b"close")
    with running(application(start(LENGTH_2, close), body(b"ok"))) as url:
        response = said(url, FIRST * 5, b"nonsense\r\n\r\n")
    assert response.count(b"HTTP/1.1 ") == 1
    assert response.endswith(b"ok")


def test_body_is_received_in_order_and_ends_once() -> None:
    seen: list[tuple[bytes, bool]] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        while not seen or seen[-1][1]:
            message = await receive()
            seen.append((message["body"], message["more_body"]))
        await send(start(LENGTH_2))
        await send(body(b"ok"))
        assert await receive() == {"type": "http.disconnect"}

    request = head(b"POST / HTTP/1.1", HOST, CHUNKED, b"Connection: close")
    chunks = b"".join(b"1\r\n%c\r\n" % it for it in b"abcdef")
    with running(app) as url:
        assert said(url, request, chunks, b"0\r\n\r\n").endswith(b"ok")
    assert b"".join(data for data, _ in seen) == b"abcdef"
