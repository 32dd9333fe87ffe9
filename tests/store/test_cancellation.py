"""The canceller of sockets, with sockets of its own."""

import socket
from collections.abc import Iterator

import pytest

from todo_graphql.store.postgres.cancellation import Cancelled, SocketCanceller


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets that are connected with each other."""
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(30)
        yield one, other


def test_watched_socket_is_shut_down_when_broken_off(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    canceller = SocketCanceller()
    with canceller.watching(pair[0].fileno()):
        canceller.cancel()
        assert pair[0].recv(1) == b""


def test_socket_that_is_no_longer_watched_is_left_alone(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """Its number may be that of another connection by then."""
    canceller = SocketCanceller()
    with canceller.watching(pair[0].fileno()):
        pass
    canceller.cancel()
    pair[1].sendall(b"x")
    assert pair[0].recv(1) == b"x"


def test_used_canceller_watches_no_further_socket(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    canceller = SocketCanceller()
    canceller.cancel()
    with pytest.raises(Cancelled), canceller.watching(pair[0].fileno()):
        raise AssertionError
    pair[1].sendall(b"x")
    assert pair[0].recv(1) == b"x"
