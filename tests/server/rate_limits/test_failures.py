"""Requests without a good token, counted by the address that they come from."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.api_client import Person
from tests.support.redis import KINDS, redis
from tests.support.servers import serving
from todo_graphql.server.rate_limits import sliding_window
from todo_graphql.server.rate_limits.limiter import client_network
from todo_graphql.settings.settings import Settings

MOST = 3


@pytest.fixture(params=["memory", *KINDS])
def own(
    request: pytest.FixtureRequest,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Settings]:
    """A day, so that nothing is forgotten while a test runs."""
    rate = {"rate_limit_failures": f"{MOST}/day"}
    if request.param == "memory":
        yield settings.model_copy(update=rate)
        return
    monkeypatch.setattr(sliding_window, "TIMEOUT_SECONDS", 20.0)
    with redis(request.param, tmp_path) as server:
        yield settings.model_copy(update={**rate, "rate_limit_storage_url": server.url})


def fail(base: str, address: str = "", token: str = "", path: str = "/graphql") -> httpx.Response:
    """A request without a good token."""
    headers = {"X-Forwarded-For": address} if address else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return httpx.request("GET" if path == "/export" else "POST", f"{base}{path}", headers=headers)


def statuses(base: str, number: int, address: str = "") -> list[int]:
    return [fail(base, address).status_code for _ in range(number)]


def test_too_many_are_told_to_wait(own: Settings) -> None:
    """All ways in count together, whatever is wrong with the token."""
    with serving(own) as base:
        ways = [("", "/graphql"), ("nonsense", "/graphql"), ("", "/export"), ("x", "/import")]
        answers = [fail(base, token=token, path=path) for token, path in ways]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    (error,) = answers[-1].json()["errors"]
    assert (error["extensions"]["code"], error["extensions"]["status"]) == ("RATE_LIMITED", 429)
    assert answers[-1].headers["Retry-After"] == str(error["extensions"]["retryAfter"])
    assert "data" not in answers[-1].json()
    assert "WWW-Authenticate" not in answers[-1].headers


def test_a_good_token_passes_whatever_its_address_has_done(own: Settings) -> None:
    with serving(own) as base:
        assert statuses(base, MOST + 1)[-1] == 429
        assert Person(base, own).revision() == 0
        assert statuses(base, 1) == [429]


def test_nobody_is_believed_who_was_not_named(own: Settings) -> None:
    with serving(own) as base:
        answers = [fail(base, f"192.0.2.{number}").status_code for number in range(MOST + 1)]
    assert answers == [401] * MOST + [429]


def test_behind_a_proxy_clients_are_counted_apart(own: Settings) -> None:
    """The last address is what our proxy saw; what stands before it anybody may have written."""
    proxied = own.model_copy(update={"trusted_proxies": ("127.0.0.1", "10.0.0.0/8")})
    with serving(proxied) as base:
        assert statuses(base, MOST + 1, "192.0.2.1") == [401] * MOST + [429]
        assert statuses(base, 1, "192.0.2.2") == [401]
        assert statuses(base, 1, "192.0.2.2, 192.0.2.1") == [429]
        assert statuses(base, 1, "192.0.2.3, 192.0.2.1, 10.1.2.3") == [429]
        assert statuses(base, 1, "192.0.2.1, 192.0.2.3") == [401]


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("unknown", "-"),
        ("", "-"),
        (None, "-"),
    ],
)
def test_what_an_address_counts_as(host: str | None, counted: str) -> None:
    assert client_network(host) == counted
