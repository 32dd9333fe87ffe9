"""SocketCanceller with a pair of sockets."""

import socket
from collections.abc import Iterator

import pytest

from todo_graphql.store.postgres.cancellation import Cancelled, SocketCanceller


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets."""
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(30)
        yield one, other


def test_cancel_shuts_down_watched_socket(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    canceller = SocketCanceller()
    with canceller.watching(pair[0].fileno()):
        canceller.cancel()
        assert pair[0].recv(1) == b""


def test_cancel_ignores_released_socket(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """The descriptor can belong to another connection afterwards."""
    canceller = SocketCanceller()
    with canceller.watching(pair[0].fileno()):
        pass
    canceller.cancel()
    pair[1].sendall(b"x")
    assert pair[0].recv(1) == b"x"


def test_cancelled_canceller_rejects_further_sockets(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    canceller = SocketCanceller()
    canceller.cancel()
    with pytest.raises(Cancelled), canceller.watching(pair[0].fileno()):
        raise AssertionError
    pair[1].sendall(b"x")
    assert pair[0].recv(1) == b"x"
