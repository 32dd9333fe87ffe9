"""The connections of hints to Redis."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.redis import KINDS, redis
from todo_graphql.server.live import redis_bus
from todo_graphql.server.live.redis_bus import RedisBus

PATIENCE = 20


@pytest.fixture(params=KINDS)
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisBus]:
    with redis(request.param, tmp_path) as server:
        yield RedisBus(server.url.get_secret_value())


def test_receiver_stays_connected_when_a_sender_is_closed(bus: RedisBus) -> None:
    with closing(bus.open_receiver()) as receiver:
        bus.open_sender().close()
        with closing(bus.open_sender()) as sender:
            sender.send("hello")
        assert receiver.receive(PATIENCE) == ["hello"]


class UnconfirmedSubscription(socketserver.StreamRequestHandler):
    """A connection of Redis that confirms each command but SUBSCRIBE."""

    def handle(self) -> None:
        for line in self.rfile:
            if line.startswith(b"*"):  # the number of arguments of a command
                arguments = [self._read_argument() for _ in range(int(line[1:]))]
                if arguments[0] != b"SUBSCRIBE":
                    self.wfile.write(b"+PONG\r\n" if arguments[0] == b"PING" else b"+OK\r\n")

    def _read_argument(self) -> bytes:
        size = int(self.rfile.readline()[1:])
        return self.rfile.read(size + 2)[:size]


def test_receiver_requires_the_confirmation_of_its_subscription(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_bus, "TIMEOUT_SECONDS", 0.5)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), UnconfirmedSubscription) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            port = server.server_address[1]
            with pytest.raises(TimeoutError):
                RedisBus(f"redis://127.0.0.1:{port}").open_receiver()
        finally:
            server.shutdown()
            thread.join()
