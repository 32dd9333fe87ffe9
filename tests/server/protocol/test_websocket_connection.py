"""WebSocket connections: their handshake, their timers, and clients without a token."""

import json
import logging
import socket
import struct
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.frames import (
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    frame,
    open_raw_socket,
    raw_socket,
)
from tests.support.plain_http import get
from todo_graphql.server.protocol import limits
from todo_graphql.server.protocol.websocket import WebSocketProtocol

pytestmark = pytest.mark.usefixtures("short_close")

PONG_MESSAGE = frame(TEXT, b'{"type":"pong"}')


def test_handshake_has_the_limits_of_a_request(url: str) -> None:
    """Not those of `websockets`, which are 128 headers and 8,192 bytes in a line."""
    many = {f"X-{number}": "1" for number in range(limits.MAX_HEADERS - 6)}
    for headers in (many, {"Authorization": f"Bearer {'x' * 8_192}"}, {"Cookie": "x" * 60_000}):
        with raw_socket(url, None, **headers) as raw:
            assert raw.head().startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    "headers",
    [{f"X-{number}": "1" for number in range(limits.MAX_HEADERS)}, {"Cookie": "x" * 70_000}],
)
def test_too_large_handshake_gets_the_response_of_a_request(
    url: str, headers: dict[str, str]
) -> None:
    with raw_socket(url, None, **headers) as raw:
        head = raw.head()
        assert head.startswith(b"HTTP/1.1 431 ")
        assert b"content-type: application/json" in head
        assert b"x-content-type-options: nosniff" in head


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Content-Length": "5"}, "Malformed HTTP request."),
        ({"Transfer-Encoding": "chunked"}, "Malformed HTTP request."),
        ({"Sec-WebSocket-Version": "8"}, "Invalid WebSocket handshake"),
    ],
)
def test_rejected_handshake_has_the_format_of_errors(
    url: str, headers: dict[str, str], reason: str
) -> None:
    with raw_socket(url, None, **headers) as raw:
        assert raw.head().startswith(b"HTTP/1.1 400 ")
        (error,) = json.loads(raw.rest())["errors"]
        assert error["message"].startswith(reason)


def test_large_message_before_the_token_is_rejected_before_it_is_complete(
    url: str, alice: Person
) -> None:
    """Strangers would hold as much memory as users."""
    large = frame(TEXT, b'{"type":"pong","payload":{"x":"' + b"x" * 60_000 + b'"}}')
    with open_raw_socket(url) as raw:
        raw.send(large[: limits.MAX_INIT_BYTES + 1_000])
        assert raw.await_close() == (1009, "The first message is too long.")
    with open_raw_socket(url) as raw:
        part = frame(TEXT, bytes(20_000), fin=False)
        raw.send(part + part[:15_000])
        assert raw.await_close() == (1009, "The first message is too long.")
    with open_raw_socket(url, alice.token) as raw:
        raw.send(large + frame(PING, b"after"))
        assert raw.read() == (PONG, b"after")


def test_many_messages_before_the_token_are_short(url: str, alice: Person) -> None:
    """Each of them, and not their sum."""
    with open_raw_socket(url) as raw:
        for _ in range(3):
            # Each segment ends within a message.
            raw.send(PONG_MESSAGE[10:] if _ else b"")
            raw.send(frame(TEXT, b'{"type":"pong","payload":{"x":"%b"}}' % (b"x" * 5_000)) * 3)
            raw.send(PONG_MESSAGE[:10])
        init = b'{"type":"connection_init","payload":{"Authorization":"Bearer %b"}}'
        raw.send(PONG_MESSAGE[10:] + frame(TEXT, init % alice.token.encode()))
        assert raw.read() == (TEXT, b'{"type":"connection_ack"}')


def test_ping_without_a_token_does_not_hold_a_connection(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_raw_socket(url) as raw, open_raw_socket(url, alice.token) as own:
        raw.send(frame(TEXT, b'{"type":"ping"}'))
        assert raw.read() == (TEXT, b'{"type":"pong"}')
        monkeypatch.setattr(limits, "MAX_CONNECTIONS", 2)
        assert get(f"{url}/health/live").status_code == 200
        assert raw.await_close() is None
        own.send(frame(PING))
        assert own.read() == (PONG, b"")


def test_input_beyond_the_rate_is_parsed_by_one_timer(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message that the application takes would start another one."""
    monkeypatch.setattr(limits, "FRAMES_PER_SECOND", 200)
    monkeypatch.setattr(limits, "BURST_FRAMES", 10)
    calls, parse = list[int](), WebSocketProtocol._parse

    def count(protocol: WebSocketProtocol) -> None:
        calls.append(0)
        parse(protocol)

    monkeypatch.setattr(WebSocketProtocol, "_parse", count)
    with open_raw_socket(url, alice.token) as raw:
        calls.clear()
        raw.send(PONG_MESSAGE * 300 + frame(PING, b"last"))
        while raw.read() != (PONG, b"last"):
            pass
    pieces = len(PONG_MESSAGE) * 300 / limits.FRAME_PIECE_BYTES
    assert len(calls) < 10 * pieces


def test_nothing_is_written_to_a_lost_connection(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Input that waits for its turn is discarded."""
    monkeypatch.setattr(limits, "FRAMES_PER_SECOND", 100)
    monkeypatch.setattr(limits, "BURST_FRAMES", 10)
    lost, parsed = list[WebSocketProtocol](), list[Any]()
    connection_lost, parse = WebSocketProtocol.connection_lost, WebSocketProtocol._parse

    def note_loss(protocol: WebSocketProtocol, error: Exception | None) -> None:
        connection_lost(protocol, error)
        lost.append(protocol)

    def note_parse(protocol: WebSocketProtocol) -> None:
        if protocol in lost:
            parsed.append(protocol)
        parse(protocol)

    monkeypatch.setattr(WebSocketProtocol, "connection_lost", note_loss)
    monkeypatch.setattr(WebSocketProtocol, "_parse", note_parse)
    with open_raw_socket(url, alice.token) as raw:
        raw.send(frame(PING) * 1_000)
        assert raw.read() == (PONG, b"")
        reset = struct.pack("ii", 1, 0)
        raw.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    until(lambda: lost, "the loss of the connection")
    with open_raw_socket(url, alice.token) as other:  # later than the next piece is due
        other.send(frame(PING) * 60)
        for _ in range(60):
            assert other.read() == (PONG, b"")
    assert parsed == []


LONG_PING = frame(TEXT, b'{"type":"ping","payload":{"x":"%s"}}' % (b"x" * 220))
FRAGMENTS = frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 5


@pytest.mark.parametrize("before", [b"", LONG_PING * 2])
@pytest.mark.parametrize("unacceptable", [frame(TEXT, b"\xff"), FRAGMENTS])
def test_close_frame_behind_an_unacceptable_message_ends_the_connection(
    url: str,
    alice: Person,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    before: bytes,
    unacceptable: bytes,
) -> None:
    """Both are in one piece of input, which a timer parses if there is input before it."""
    monkeypatch.setattr(limits, "MAX_FRAGMENTS", 4)
    with open_raw_socket(url, alice.token) as raw:
        raw.send(before + unacceptable + frame(CLOSE, b"\x03\xe8"))
        raw.await_close()
        assert raw.read() is None
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
