"""The rate limit of requests without a valid token, for each client address."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.redis import KINDS, redis
from tests.support.servers import serving
from todo_graphql.server.rate_limits import redis as redis_window
from todo_graphql.server.rate_limits.limiter import client_network
from todo_graphql.settings.settings import Settings

LIMIT = 3


@pytest.fixture(params=["memory", *KINDS])
def own(
    request: pytest.FixtureRequest,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Settings]:
    """Settings with a limit per day, so that no failure expires during a test."""
    rate = {"rate_limit_failures": f"{LIMIT}/day"}
    if request.param == "memory":
        yield settings.model_copy(update=rate)
        return
    monkeypatch.setattr(redis_window, "TIMEOUT_SECONDS", 20.0)
    with redis(request.param, tmp_path) as server:
        yield settings.model_copy(update={**rate, "rate_limit_storage_url": server.url})


def fail(base: str, address: str = "", token: str = "", path: str = "/graphql") -> httpx.Response:
    """Send a request without a valid token."""
    headers = {"X-Forwarded-For": address} if address else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return plain_http.request(
        "GET" if path == "/export" else "POST", f"{base}{path}", headers=headers
    )


def statuses(base: str, number: int, address: str = "") -> list[int]:
    return [fail(base, address).status_code for _ in range(number)]


def test_failures_above_limit_are_rate_limited(own: Settings) -> None:
    """All endpoints and all kinds of invalid tokens count together."""
    with serving(own) as base:
        ways = [("", "/graphql"), ("nonsense", "/graphql"), ("", "/export"), ("x", "/import")]
        answers = [fail(base, token=token, path=path) for token, path in ways]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    (error,) = answers[-1].json()["errors"]
    assert (error["extensions"]["code"], error["extensions"]["status"]) == ("RATE_LIMITED", 429)
    assert answers[-1].headers["Retry-After"] == str(error["extensions"]["retryAfter"])
    assert "data" not in answers[-1].json()
    assert "WWW-Authenticate" not in answers[-1].headers


def test_valid_token_from_rate_limited_address_is_accepted(own: Settings) -> None:
    with serving(own) as base:
        assert statuses(base, LIMIT + 1)[-1] == 429
        assert Person(base, own).revision() == 0
        assert statuses(base, 1) == [429]


def test_forwarded_address_of_untrusted_client_is_ignored(own: Settings) -> None:
    with serving(own) as base:
        answers = [fail(base, f"192.0.2.{number}").status_code for number in range(LIMIT + 1)]
    assert answers == [401] * LIMIT + [429]


def test_clients_behind_trusted_proxy_are_counted_separately(own: Settings) -> None:
    """The nearest trusted proxy adds the last address. A client may have sent the others."""
    proxied = own.model_copy(update={"trusted_proxies": ("127.0.0.1", "10.0.0.0/8")})
    with serving(proxied) as base:
        assert statuses(base, LIMIT + 1, "192.0.2.1") == [401] * LIMIT + [429]
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
def test_client_network_groups_addresses(host: str | None, counted: str) -> None:
    assert client_network(host) == counted
