"""The breaker, with sockets of its own."""

import socket
from collections.abc import Iterator

import pytest

from todo_graphql.store.breaker import Breaker, Broken


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
    breaker = Breaker()
    with breaker.watching(pair[0].fileno()):
        breaker.break_off()
        assert pair[0].recv(1) == b""


def test_socket_that_is_no_longer_watched_is_left_alone(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """Its number may be that of another connection by then."""
    breaker = Breaker()
    with breaker.watching(pair[0].fileno()):
        pass
    breaker.break_off()
    pair[1].sendall(b"x")
    assert pair[0].recv(1) == b"x"


def test_broken_breaker_watches_no_further_socket(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    breaker = Breaker()
    breaker.break_off()
    with pytest.raises(Broken), breaker.watching(pair[0].fileno()):
        raise AssertionError
    pair[1].sendall(b"x")
    assert pair[0].recv(1) == b"x"
