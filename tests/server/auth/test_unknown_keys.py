"""Tokens with an unknown key: each waits for a fetch that begins after it arrived."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import httpx
import pytest

from tests.support.admissions import ask, assert_good, assert_refused, talking_to
from tests.support.authenticators import (
    NETWORK,
    UNFETCHED,
    UNKNOWN,
    identified,
    sentence_against,
    with_keys_of,
)
from tests.support.commands import until
from tests.support.issuer import Issuer, publishing
from tests.support.jwt import CLAIMS, SUBJECT, json_segment, segment
from tests.support.servers import serving
from todo_graphql.errors import InvalidToken
from todo_graphql.server.auth import jwks_client
from todo_graphql.server.auth.keys import UnfetchedKey
from todo_graphql.settings.settings import Settings

ATTACKERS = 8
NUMBERS = count(1_000)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with publishing(Issuer({"1": "EdDSA"})) as issuer:
        yield issuer


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks_client, "PAUSE_SECONDS", 0.3)


def invented() -> str:
    """Return a token whose key and signature are invented."""
    header = {"alg": "EdDSA", "typ": "JWT", "kid": f"invented {next(NUMBERS)}"}
    return f"{json_segment(header)}.{json_segment(CLAIMS)}.{segment(bytes(64))}"


@contextmanager
def flood(client: httpx.Client) -> Iterator[set[int]]:
    """Send invented tokens without a pause, and yield the statuses of the responses so far."""
    statuses, ended = set[int](), threading.Event()

    def attack() -> None:
        while not ended.is_set():
            statuses.add(ask(client, f"Bearer {invented()}").status_code)

    with ThreadPoolExecutor(ATTACKERS) as pool:
        attacks = [pool.submit(attack) for _ in range(ATTACKERS)]
        try:
            yield statuses
        finally:
            ended.set()
    for ended_attack in attacks:
        ended_attack.result()


def test_rotated_key_is_accepted_during_flood_of_unknown_keys(
    settings: Settings, issuer: Issuer
) -> None:
    begin = time.monotonic()
    given = {"auth_jwks_url": issuer.url}
    with serving(settings.model_copy(update=given)) as url, talking_to(url) as client:
        known = issuer.token("1")
        with flood(client) as statuses:
            until(lambda: 401 in statuses, "The first rejected token")
            for kid in ("2", "3", "4"):
                issuer.keys[kid] = "EdDSA"
                rotated = issuer.token(kid)
                assert_good(ask(client, f"Bearer {rotated}"), rotated)
                assert_good(ask(client, f"Bearer {known}"), known)
    assert statuses <= {401, 503}
    elapsed = time.monotonic() - begin
    assert len(issuer.requests) <= 1 + elapsed / jwks_client.PAUSE_SECONDS


class ChangingIssuer(Issuer):
    """An issuer that publishes another key from its third response on."""

    def content(self) -> bytes:
        if len(self.requests) == 3:
            self.keys["2"] = "EdDSA"
        return super().content()


def test_token_that_arrives_during_a_fetch_waits_for_the_next() -> None:
    """The fetch in progress may have read the keys before the rotation."""
    with publishing(ChangingIssuer({"1": "EdDSA"})) as issuer:
        authenticator, rotated = with_keys_of(issuer), issuer.token("2", "EdDSA")

        async def meet() -> str:
            issuer.hold.clear()
            early = asyncio.create_task(authenticator.refresh_keys(NETWORK))
            await asyncio.to_thread(until, lambda: len(issuer.requests) == 2, "The fetch")
            late = asyncio.create_task(authenticator.refresh_keys(NETWORK))
            await asyncio.sleep(0)
            issuer.hold.set()
            await early
            with pytest.raises(InvalidToken, match=UNKNOWN):
                authenticator.viewer_of(rotated)
            await late
            return str(authenticator.viewer_of(rotated).id)

        assert asyncio.run(meet()) == SUBJECT
    assert len(issuer.requests) == 3


def test_waiting_requests_are_limited_per_network_and_in_total(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks_client, "MAX_WAITING_PER_NETWORK", 2)
    monkeypatch.setattr(jwks_client, "MAX_WAITING", 3)
    authenticator = with_keys_of(issuer)

    async def crowd() -> list[bool]:
        issuer.hold.clear()
        networks = ("a", "a", "a", "b", "c")
        tasks = [asyncio.create_task(authenticator.refresh_keys(name)) for name in networks]
        await asyncio.to_thread(until, lambda: len(issuer.requests) >= 2, "The fetch")
        rejected = [task.done() and isinstance(task.exception(), UnfetchedKey) for task in tasks]
        issuer.hold.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        return rejected

    for _ in range(2):
        issuer.requests.clear()
        issuer.requests.append("")
        assert asyncio.run(crowd()) == [False, False, True, False, True]


def test_unknown_key_during_outage_is_unavailable_and_counted_as_failure(
    settings: Settings, issuer: Issuer
) -> None:
    given = {"auth_jwks_url": issuer.url, "rate_limit_failures": "3/hour"}
    with serving(settings.model_copy(update=given)) as url, talking_to(url) as client:
        known = issuer.token("1")
        assert_good(ask(client, f"Bearer {known}"), known)
        issuer.status = 500
        for _ in range(3):
            response = ask(client, f"Bearer {invented()}")
            assert (response.status_code, response.headers["retry-after"]) == (503, "5")
            assert response.json()["errors"][0]["message"] == UNFETCHED
        assert ask(client, f"Bearer {invented()}").status_code == 429
        assert_good(ask(client, f"Bearer {known}"), known)
        issuer.status, issuer.keys["2"] = 200, "EdDSA"
        rotated = issuer.token("2")
        assert_good(ask(client, f"Bearer {rotated}"), rotated)


def test_withdrawn_key_is_rejected_after_a_fetch(settings: Settings, issuer: Issuer) -> None:
    given = {"auth_jwks_url": issuer.url}
    with serving(settings.model_copy(update=given)) as url, talking_to(url) as client:
        withdrawn, fetches = invented(), len(issuer.requests)
        assert_refused(ask(client, f"Bearer {withdrawn}"), UNKNOWN, withdrawn)
        assert len(issuer.requests) > fetches


@pytest.mark.parametrize("kid", [1, True, [], {}, ["1"]])
def test_key_id_that_is_no_string_triggers_no_fetch(issuer: Issuer, kid: object) -> None:
    authenticator = with_keys_of(issuer)
    header = {"alg": "EdDSA", "kid": kid}
    token = f"{json_segment(header)}.{json_segment(CLAIMS)}.{segment(bytes(64))}"
    assert sentence_against(authenticator, token) == UNKNOWN
    assert len(issuer.requests) == 1
    assert identified(authenticator, issuer.token("1")) == SUBJECT
