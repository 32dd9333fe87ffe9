"""Fetches of a key set: limits, errors and their messages."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.issuer import ALL, Issuer, publishing
from todo_graphql.server.auth import jwks_client
from todo_graphql.server.auth.jwks_client import FetchError, fetch


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer with a key for each algorithm."""
    with publishing(Issuer(dict(ALL))) as issuer:
        yield issuer


def fetch_error_of(url: str) -> str:
    with pytest.raises(FetchError) as error:
        asyncio.run(fetch(url))
    return str(error.value)


def test_redirect_is_not_followed(issuer: Issuer) -> None:
    with publishing(Issuer({"7": "EdDSA"})) as stranger:
        issuer.status, issuer.headers = 302, {"Location": stranger.url}
        assert fetch_error_of(issuer.url) == "the response has status 302 instead of 200"
        assert stranger.requests == []


def test_response_size_is_bounded(issuer: Issuer) -> None:
    issuer.document = issuer.content().ljust(jwks_client.MAX_BYTES)
    assert [key.kid for key in asyncio.run(fetch(issuer.url)).keys] == list(ALL)
    issuer.document += b" "
    assert fetch_error_of(issuer.url) == "the response has more than 65,536 bytes"


def test_failed_fetch_has_a_reason(issuer: Issuer) -> None:
    issuer.status = 500
    assert fetch_error_of(issuer.url) == "the response has status 500 instead of 200"
    safe = issuer.url.replace("http:", "https:")
    assert fetch_error_of(safe).startswith("the connection is not secure (")
    assert fetch_error_of("http://127.0.0.1:1/") == "Connection refused"
    issuer.status, issuer.headers = 200, {"x": "x" * 200_000}
    assert fetch_error_of(issuer.url) == "the response is malformed or incomplete"


def test_query_of_jwks_url_is_sent(issuer: Issuer) -> None:
    asyncio.run(fetch(f"{issuer.url}?tenant=1"))
    assert issuer.requests == ["/api/auth/jwks?tenant=1"]


def test_proxy_of_the_environment_is_ignored(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert len(asyncio.run(fetch(issuer.url)).keys) == len(ALL)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "nothing.invalid", "127.0.0.1:1/\x7f"])
def test_fetch_error_does_not_quote_the_url(host: str) -> None:
    assert "swordfish" not in fetch_error_of(f"http://{host}/?key=swordfish")


def test_slow_response_is_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte arrives in time, but the response never ends."""
    monkeypatch.setattr(jwks_client, "TIMEOUT_SECONDS", 2.0)  # from the load of certificates on
    listener = socket.create_server(("127.0.0.1", 0))
    hung_up = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
            with suppress(OSError):  # the client has closed the connection
                while not hung_up.wait(0.02):
                    connection.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    assert fetch_error_of(f"http://127.0.0.1:{listener.getsockname()[1]}/")
    thread.join(10)
    assert not thread.is_alive()
