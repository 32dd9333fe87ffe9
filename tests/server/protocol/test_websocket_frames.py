"""Frames of WebSockets: their limits, and the end of connections that exceed them."""

import select
import time

import pytest

from tests.support.api_client import Person
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

pytestmark = pytest.mark.usefixtures("short_close")

SUBSCRIBE = b'{"type":"subscribe","id":"1","payload":{"query":"{ me { revision } }"}}'


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("Sec_WebSocket_Key", None, 400),
        ("Sec_WebSocket_Key", "short", 400),
        ("Sec_WebSocket_Version", "8", 400),
        ("Sec_WebSocket_Version", None, 400),
        ("Host", "a b", 400),
        ("Host", None, 400),
    ],
)
def test_invalid_handshake_is_rejected(url: str, name: str, value: str | None, status: int) -> None:
    with raw_socket(url, None, **{name: value}) as raw:
        assert raw.head().startswith(b"HTTP/1.1 %d " % status)


def test_upgrade_to_another_protocol_is_ignored(url: str) -> None:
    with raw_socket(url, Upgrade="h2c") as raw:
        assert raw.head().startswith(b"HTTP/1.1 405 ")


def test_handshake_behind_a_pending_request_is_an_ordinary_request(url: str) -> None:
    with raw_socket(url) as raw:
        raw.head()
    handshake = b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    with raw_socket(url, Upgrade=None) as raw:
        raw.head()
        raw.send(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" + handshake + b"\r\n")
        text = raw.connection.recv(65_536)
        while b"401 Unauthorized" not in text[text.find(b"200 OK") :]:
            text += raw.connection.recv(65_536)
        assert b"101 Switching" not in text


def test_frames_that_follow_the_handshake_immediately_are_processed(
    url: str, alice: Person
) -> None:
    init = b'{"type":"connection_init","payload":{"Authorization":"Bearer %b"}}'
    with raw_socket(url) as raw:
        raw.send(frame(TEXT, init % alice.token.encode()) + frame(TEXT, SUBSCRIBE))
        assert raw.head().startswith(b"HTTP/1.1 101 ")
        assert raw.read() == (TEXT, b'{"type":"connection_ack"}')
        result = raw.read()
        assert result is not None
        assert b'"revision":0' in result[1]


def test_message_in_fragments_is_one_message(url: str, alice: Person) -> None:
    with open_raw_socket(url, alice.token) as raw:
        raw.send(frame(TEXT, SUBSCRIBE[:5], fin=False))
        raw.send(frame(PING, b"between"))
        assert raw.read() == (PONG, b"between")
        raw.send(frame(CONTINUATION, b"", fin=False) + frame(CONTINUATION, SUBSCRIBE[5:]))
        result = raw.read()
        assert result is not None
        assert b'"revision":0' in result[1]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(CONTINUATION, b"x"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"x"), 1002),
        (frame(TEXT | 0x40, b"x"), 1002),  # a compressed frame
        (frame(3, b"x"), 1002),
        (frame(PING, bytes(126)), 1002),
        (frame(TEXT, b"x")[:1] + b"\x01x", 1002),  # without a mask
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"", length=65_537), 1009),
        (frame(TEXT, b"", length=2**62), 1009),
        (frame(TEXT, bytes(40_000), fin=False) + frame(CONTINUATION, bytes(40_000)), 1009),
        (
            frame(TEXT, b"", fin=False)
            + frame(CONTINUATION, b"", fin=False) * limits.MAX_FRAGMENTS,
            1008,
        ),
    ],
)
def test_unacceptable_frame_closes_the_connection(
    url: str, alice: Person, sent: bytes, code: int
) -> None:
    with open_raw_socket(url, alice.token) as raw:
        raw.send(sent)
        closed = raw.await_close()
        assert closed is not None
        assert closed[0] == code
        assert raw.read() is None


def test_client_that_still_sends_a_large_message_receives_the_close(
    url: str, alice: Person
) -> None:
    """An immediate close would reset the connection."""
    with open_raw_socket(url, alice.token) as raw:
        raw.send(frame(TEXT, bytes(4_000_000)))
        assert (raw.await_close() or (0,))[0] == 1009


def test_close_of_the_client_is_echoed(url: str, alice: Person) -> None:
    with open_raw_socket(url, alice.token) as raw:
        raw.send(frame(CLOSE, b"\x03\xe8bye"))
        assert raw.await_close() == (1000, "bye")
        assert raw.read() is None


def test_client_without_an_echo_is_disconnected(url: str, alice: Person) -> None:
    with open_raw_socket(url, alice.token) as raw:
        raw.send(frame(TEXT, b"[]"))
        assert (raw.await_close() or (0,))[0] == 4400
        assert raw.read() is None


def test_flood_of_frames_waits_in_the_client(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ping counts as ten frames."""
    monkeypatch.setattr(limits, "FRAMES_PER_SECOND", 200)
    monkeypatch.setattr(limits, "BURST_FRAMES", 500)
    with open_raw_socket(url, alice.token) as raw:
        began = time.monotonic()
        raw.send(frame(PING) * 100)
        for _ in range(100):
            assert raw.read() == (PONG, b"")
        # 100 pings less a burst of 50 and a piece of 42
        assert time.monotonic() - began > 0.25


def test_client_that_reads_no_pongs_is_disconnected(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FRAMES_PER_SECOND", 1_000_000)
    monkeypatch.setattr(limits, "WRITE_STALL_SECONDS", 0.5)
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.1)
    pings = frame(PING, bytes(125)) * 8_000
    with open_raw_socket(url, alice.token) as raw:
        raw.connection.setblocking(False)
        sent = 0
        while True:
            _, writable, _ = select.select([], [raw.connection], [], 30)
            assert writable, "The server neither reads nor closes."
            try:
                sent += raw.connection.send(pings)
            except ConnectionError:
                break
            assert sent < 200_000_000, "The server reads without a bound."


@pytest.mark.parametrize("begun", [frame(TEXT, b"x")[:3], frame(TEXT, b"x", fin=False)])
def test_slow_message_closes_the_connection(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(limits, "REQUEST_RATE", limits.MinDataRate(0.3, 10_000))
    with open_raw_socket(url, alice.token) as raw:
        raw.send(begun)
        assert raw.await_close() == (1013, "The message was not received in time.")


def test_socket_without_a_token_gives_way_to_other_connections(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_raw_socket(url) as raw, open_raw_socket(url, alice.token) as own:
        monkeypatch.setattr(limits, "MAX_CONNECTIONS", 2)
        assert get(f"{url}/health/live").status_code == 200
        assert raw.await_close() is None
        own.send(frame(PING))
        assert own.read() == (PONG, b"")
