"""The JWKS client: the times of its fetches, its outages, and changes of keys."""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace

import pytest

from tests.support.authenticators import (
    NETWORK,
    UNFETCHED,
    UNKNOWN,
    identified,
    sentence_against,
    trusting,
    with_keys_of,
)
from tests.support.commands import until
from tests.support.issuer import ALL, Issuer, key_pair, key_set, public_jwk, publishing, token_by
from tests.support.jwt import SUBJECT
from tests.support.refused_tokens import BADLY_SIGNED
from todo_graphql import outage_log
from todo_graphql.errors import InvalidToken
from todo_graphql.server.auth import jwks_client
from todo_graphql.server.auth.keys import NoKeys, UnfetchedKey


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer with a key for each algorithm."""
    with publishing(Issuer(dict(ALL))) as issuer:
        yield issuer


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks_client, "PAUSE_SECONDS", 0.01)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock of the client. It stands still until a test sets it."""
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(jwks_client, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_fetches_for_unknown_keys_are_limited(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that invents key ids triggers one fetch per pause."""
    monkeypatch.setattr(jwks_client, "PAUSE_SECONDS", 0.3)
    authenticator, begin = with_keys_of(issuer), time.monotonic()

    async def reject() -> None:
        await authenticator.refresh_keys(NETWORK)
        with pytest.raises(InvalidToken, match=UNKNOWN):
            authenticator.viewer_of(issuer.token("51"))

    async def many() -> None:
        for _ in range(3):
            await asyncio.gather(*[reject() for _ in range(20)])

    asyncio.run(many())
    elapsed = time.monotonic() - begin
    assert 2 <= len(issuer.requests) <= 2 + elapsed / jwks_client.PAUSE_SECONDS


def test_concurrent_requests_share_one_fetch(issuer: Issuer) -> None:
    """Concurrent requests wait for one fetch, and do not block the event loop."""
    authenticator, token = trusting(issuer.url), issuer.token("1")

    async def identify() -> str:
        with pytest.raises(NoKeys):
            authenticator.viewer_of(token)
        await authenticator.refresh_keys(NETWORK)
        return str(authenticator.viewer_of(token).id)

    async def many() -> list[str]:
        issuer.hold.clear()
        waiting = [asyncio.create_task(identify()) for _ in range(50)]
        await asyncio.to_thread(until, lambda: issuer.requests, "The first fetch")
        assert not [task for task in waiting if task.done()]
        issuer.hold.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(many()) == [SUBJECT] * 50
    assert len(issuer.requests) == 1


def test_known_keys_stay_valid_during_issuer_outage(clock: SimpleNamespace) -> None:
    with publishing(Issuer(dict(ALL))) as issuer:
        authenticator = with_keys_of(issuer)
    clock.now += jwks_client.PAUSE_SECONDS
    assert sentence_against(authenticator, issuer.token("9")) == UNFETCHED
    assert identified(authenticator, issuer.token("2", "ES256")) == SUBJECT
    issuer.keys["9"] = "EdDSA"
    clock.now += jwks_client.PAUSE_SECONDS
    with publishing(issuer, int(issuer.url.split(":")[2].partition("/")[0])):
        assert identified(authenticator, issuer.token("9")) == SUBJECT


@pytest.mark.parametrize("document", [b"", b"<html>", b"[]", b'{"keys": {}}', b"[" * 60_000])
def test_invalid_document_keeps_known_keys(
    issuer: Issuer, clock: SimpleNamespace, document: bytes
) -> None:
    authenticator, issuer.document = with_keys_of(issuer), document
    clock.now += jwks_client.PAUSE_SECONDS
    assert sentence_against(authenticator, issuer.token("9")) == UNFETCHED
    assert len(issuer.requests) == 2
    assert identified(authenticator, issuer.token("1")) == SUBJECT


def test_cached_token_of_removed_key_is_rejected(issuer: Issuer, clock: SimpleNamespace) -> None:
    """The cache is cleared, and tokens of the remaining keys are verified again."""
    authenticator = with_keys_of(issuer)
    old, kept = issuer.token("1"), issuer.token("2", "ES256")
    assert (identified(authenticator, old), identified(authenticator, kept)) == (SUBJECT, SUBJECT)
    del issuer.keys["1"]
    clock.now += jwks_client.PAUSE_SECONDS
    assert identified(authenticator, kept) == SUBJECT
    assert sentence_against(authenticator, issuer.token("9")) == UNKNOWN
    assert sentence_against(authenticator, old) == UNKNOWN
    assert identified(authenticator, kept) == SUBJECT


def test_replaced_key_under_same_kid_clears_cache(issuer: Issuer, clock: SimpleNamespace) -> None:
    authenticator, old = with_keys_of(issuer), issuer.token("1")
    assert identified(authenticator, old) == SUBJECT
    impostor = key_pair("EdDSA", 99)
    issuer.document = key_set(public_jwk(impostor, kid="1"))
    clock.now += jwks_client.PAUSE_SECONDS
    assert sentence_against(authenticator, issuer.token("9")) == UNKNOWN
    assert sentence_against(authenticator, old) == BADLY_SIGNED
    assert identified(authenticator, token_by(impostor, {"alg": "EdDSA", "kid": "1"})) == SUBJECT


def test_added_key_keeps_cache(issuer: Issuer, clock: SimpleNamespace) -> None:
    authenticator = with_keys_of(issuer)
    identified(authenticator, issuer.token("1"))
    issuer.keys["9"] = "EdDSA"
    clock.now += jwks_client.PAUSE_SECONDS
    identified(authenticator, issuer.token("9"))
    assert len(authenticator.cache) == 2


def test_keys_are_refreshed_regularly(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regular fetches withdraw a removed key without any request."""
    monkeypatch.setattr(jwks_client, "INTERVAL_SECONDS", 0.01)
    authenticator, token = trusting(issuer.url), issuer.token("1")

    async def outlive() -> None:
        async with authenticator.keys_kept_fresh():
            await authenticator.refresh_keys(NETWORK)
            assert str(authenticator.viewer_of(token).id) == SUBJECT
            del issuer.keys["1"]
            fetched = len(issuer.requests)
            more = lambda: len(issuer.requests) >= fetched + 3  # noqa: E731
            await asyncio.to_thread(until, more, "Three more fetches")
            with pytest.raises(InvalidToken, match=UNKNOWN):
                authenticator.viewer_of(token)

    asyncio.run(outlive())


def test_keys_are_refreshed_sooner_while_document_has_none(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks_client, "OUTAGE_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(jwks_client, "INTERVAL_SECONDS", 1_000.0)
    issuer.document = key_set()
    authenticator = trusting(issuer.url)

    async def outlive() -> None:
        async with authenticator.keys_kept_fresh():
            more = lambda: len(issuer.requests) >= 3  # noqa: E731
            await asyncio.to_thread(until, more, "Three fetches")

    asyncio.run(outlive())


def test_failed_fetch_is_repeated_sooner_after_a_recovery(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cooldown of the log does not delay the fetches."""
    monkeypatch.setattr(jwks_client, "OUTAGE_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(jwks_client, "RETRY_AFTER", 0.01)
    monkeypatch.setattr(jwks_client, "INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr(outage_log, "REPORT_COOLDOWN_SECONDS", 1_000.0)
    issuer.status = 500
    authenticator = trusting(issuer.url)

    async def fetches(number: int) -> None:
        target = len(issuer.requests) + number
        await asyncio.to_thread(until, lambda: len(issuer.requests) >= target, "More fetches")

    async def outlive() -> None:
        async with authenticator.keys_kept_fresh():
            await fetches(2)
            issuer.status = 200
            await fetches(2)
            issuer.status = 500
            await fetches(2)
            monkeypatch.setattr(jwks_client, "INTERVAL_SECONDS", 1_000.0)
            await fetches(3)

    asyncio.run(outlive())


def test_unexpected_error_of_a_fetch_keeps_known_keys(
    issuer: Issuer,
    clock: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(document: bytes) -> None:
        raise ZeroDivisionError("secret")

    authenticator = with_keys_of(issuer)
    monkeypatch.setattr(jwks_client, "read_key_set", fail)
    clock.now += jwks_client.PAUSE_SECONDS
    assert sentence_against(authenticator, issuer.token("9")) == UNFETCHED
    assert identified(authenticator, issuer.token("1")) == SUBJECT
    assert caplog.messages == ["The keys of AUTH_JWKS_URL cannot be fetched: ZeroDivisionError."]


def test_request_waits_at_most_the_fetch_timeout(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks_client, "TIMEOUT_SECONDS", 0.05)
    issuer.hold.clear()
    assert "cannot be fetched" in sentence_against(trusting(issuer.url), issuer.token("1"))


def test_outage_is_logged_once_without_key_material(
    issuer: Issuer, clock: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "todo_graphql")
    private = {"kid": "8", "d": "a-private-part", **public_jwk(key_pair("EdDSA", 8))}
    contents = [None, b"a-private-part", b"a-private-part", key_set(private), None]
    authenticator = trusting(issuer.url)
    for content in contents:
        issuer.document = content
        clock.now += jwks_client.PAUSE_SECONDS
        with suppress(NoKeys, UnfetchedKey):
            asyncio.run(authenticator.refresh_keys(NETWORK))
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "The keys of AUTH_JWKS_URL cannot be fetched",
        "AUTH_JWKS_URL publishes a private key",
        "The keys of AUTH_JWKS_URL are valid again.",
    ]
    assert "a-private-part" not in caplog.text
    assert len(issuer.requests) == len(contents)
