"""Tokens of an issuer with public keys: over HTTP, with a server of the issuer's own."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.commands import until
from tests.issuers import ALGORITHMS, Issuer, key_pair, key_set, public_jwk, publishing, token_by
from tests.refused_tokens import BADLY_SIGNED, EXPIRED
from tests.servers import SECRET, serving
from tests.test_auth import ask, assert_good, assert_refused, talking_to
from tests.tokens import CLAIMS, SUBJECT, by, good, header, json_segment, segment, signed, unsigned
from todo_graphql.config import ConfigurationError, Settings
from todo_graphql.errors import InvalidToken, Problem
from todo_graphql.server import jwks
from todo_graphql.server.auth import Authenticator, sign
from todo_graphql.server.jwks import FetchError, fetch
from todo_graphql.server.keys import RETRY_AFTER, NoKeys, UnknownKey

ALL = dict(zip("123", ALGORITHMS, strict=True))
ANOTHER_FAMILY = "The token is not signed with EdDSA or ES256 or RS256."
UNKNOWN = "The token's key is not known."


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """One with a key for each algorithm."""
    with publishing(Issuer(dict(ALL))) as issuer:
        yield issuer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock between two fetches. It stands still."""
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(jwks, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def authenticator(url: str, **given: object) -> Authenticator:
    return Authenticator(Settings.from_environment(auth_jwks_url=url, **given))


def with_keys_of(issuer: Issuer) -> Authenticator:
    """One that has fetched them, as if for a first token."""
    gate = authenticator(issuer.url)
    asyncio.run(gate.renew_keys())
    return gate


def identified(gate: Authenticator, token: str) -> str:
    """By the same steps as those of a request."""

    async def identify() -> str:
        try:
            return str(gate.viewer_of(token).id)
        except (NoKeys, UnknownKey):
            await gate.renew_keys()
            return str(gate.viewer_of(token).id)

    return asyncio.run(identify())


def sentence_against(gate: Authenticator, token: str) -> str:
    with pytest.raises(Problem) as refusal:
        identified(gate, token)
    return refusal.value.message


@pytest.mark.parametrize(("kid", "algorithm"), ALL.items())
def test_each_algorithm_is_accepted_over_http(
    settings: Settings, issuer: Issuer, kid: str, algorithm: str
) -> None:
    given = {"auth_jwks_url": issuer.url, "better_auth_secret": None}
    with serving(settings.model_copy(update=given)) as url, talking_to(url) as client:
        token = issuer.token(kid, algorithm)
        assert_good(ask(client, f"Bearer {token}"), token)
        forged = issuer.token(kid, algorithm)[:-8] + "AAAAAAAA"
        assert_refused(ask(client, f"Bearer {forged}"), BADLY_SIGNED, forged)


def test_rotation_over_http(settings: Settings, issuer: Issuer) -> None:
    """The new key is fetched for the first token that it has signed."""
    with (
        serving(settings.model_copy(update={"auth_jwks_url": issuer.url})) as url,
        talking_to(url) as client,
    ):
        old, new = issuer.token("1"), issuer.token("9")
        assert_good(ask(client, f"Bearer {old}"), old)
        issuer.keys = {"9": "EdDSA"}
        assert_good(ask(client, f"Bearer {new}"), new)
        assert_refused(ask(client, f"Bearer {old}"), UNKNOWN, old)


def test_server_without_keys_is_unavailable(settings: Settings) -> None:
    """It starts, and cannot say of a token whether it is good; of rubbish it can."""
    with publishing(Issuer()) as issuer:
        token = issuer.token("1")
    given = {"auth_jwks_url": issuer.url}
    with serving(settings.model_copy(update=given)) as url, talking_to(url) as client:
        response = ask(client, f"Bearer {token}")
        (error,) = response.json()["errors"]
        assert error["extensions"] == {"code": "UNAVAILABLE", "status": 503, "retryAfter": 5}
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        assert_refused(ask(client, f"Bearer {good()}"), ANOTHER_FAMILY, good())
        assert httpx.get(f"{url}/health/live").status_code == 200
        ready = httpx.get(f"{url}/health/ready")
        assert ready.status_code == 503
        reason = "The keys that verify tokens have not been fetched yet."
        assert ready.json() == {"status": "not ready", "reason": reason}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_public_key_is_no_secret(issuer: Issuer, algorithm: str) -> None:
    """The attack on servers that let the token choose between the two kinds."""
    gate = with_keys_of(issuer)
    kid = next(kid for kid in ALL if ALL[kid] == algorithm)
    public = issuer.key(kid).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = json_segment(public_jwk(issuer.key(kid)))
    for key in (pem, pem.strip(), issuer.content(), jwk.encode()):
        for named in ({"kid": kid}, {}):
            token = signed(json_segment({"alg": "HS256", **named}), json_segment(CLAIMS), key)
            assert sentence_against(gate, token) == ANOTHER_FAMILY


def test_secrets_verify_nothing_beside_public_keys(issuer: Issuer) -> None:
    gate = authenticator(issuer.url, better_auth_secret=SECRET, better_auth_old_secrets=SECRET)
    assert identified(gate, issuer.token("1")) == SUBJECT
    assert sentence_against(gate, good()) == ANOTHER_FAMILY


@pytest.mark.parametrize("none", ["none", "None", "NONE", None, "", ["EdDSA"], "Ed25519", "ES512"])
def test_other_algorithms_are_refused(issuer: Issuer, none: object) -> None:
    gate = with_keys_of(issuer)
    token = token_by(issuer.key("1"), {"alg": none, "kid": "1"})
    assert sentence_against(gate, token) == ANOTHER_FAMILY
    assert issuer.requests == ["/api/auth/jwks"]


@pytest.mark.parametrize("kid", ALL)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("signer", ALL)
def test_key_has_one_algorithm(issuer: Issuer, kid: str, algorithm: str, signer: str) -> None:
    """Whoever signs, and whatever the token says."""
    gate = with_keys_of(issuer)
    token = token_by(issuer.key(signer), {"alg": algorithm, "kid": kid})
    if ALL[kid] != algorithm:
        expected = "The token is not signed with the algorithm of its key."
    elif kid != signer:
        expected = BADLY_SIGNED
    else:
        assert identified(gate, token) == SUBJECT
        return
    assert sentence_against(gate, token) == expected


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
def test_token_brings_no_key_along(issuer: Issuer, member: str) -> None:
    """A good one may name what it likes; nobody looks there (RFC 8725, section 3.10)."""
    gate = with_keys_of(issuer)
    with publishing(Issuer({"7": "EdDSA"})) as stranger:
        brought = {
            "jwk": public_jwk(stranger.key("7")),
            "jku": stranger.url,
            "x5u": stranger.url,
            "x5c": [segment(stranger.content())],
        }
        named = {"alg": "EdDSA", "kid": "1", member: brought[member]}
        assert identified(gate, token_by(issuer.key("1"), named)) == SUBJECT
        assert sentence_against(gate, token_by(stranger.key("7"), named)) == BADLY_SIGNED
        elsewhere = token_by(stranger.key("7"), {**named, "kid": "7"})
        assert sentence_against(gate, elsewhere) == UNKNOWN
        assert stranger.requests == []


def test_kid_is_needed_where_there_are_several_keys(issuer: Issuer) -> None:
    gate, token = with_keys_of(issuer), token_by(issuer.key("1"), {"alg": "EdDSA"})
    assert "`kid` is missing" in sentence_against(gate, token)
    issuer.keys = {"1": "EdDSA"}
    assert identified(with_keys_of(issuer), token) == SUBJECT
    for kid in ("2", "", None, 1, ["1"], {"1": "1"}):
        odd = token_by(issuer.key("1"), {"alg": "EdDSA", "kid": kid})
        assert sentence_against(with_keys_of(issuer), odd) == UNKNOWN


def test_all_other_rules_are_the_same(issuer: Issuer) -> None:
    gate = with_keys_of(issuer)
    assert sentence_against(gate, issuer.token("1", exp=1)) == EXPIRED
    assert "not a UUID" in sentence_against(gate, issuer.token("1", sub="me"))
    token = token_by(issuer.key("1"), {"alg": "EdDSA", "kid": "1", "crit": ["exp"]})
    assert "demands an extension" in sentence_against(gate, token)
    assert sentence_against(gate, unsigned(header(alg="EdDSA", kid="1"), bytes(64))()) == (
        BADLY_SIGNED
    )
    for algorithm in ("EdDSA", "ES384", "PS256"):
        assert sentence_against(gate, by(algorithm)()) != UNKNOWN


def test_fetches_for_unknown_keys_are_rare(issuer: Issuer, clock: SimpleNamespace) -> None:
    """However many tokens somebody makes up; and the first one may come soon after the start."""
    gate = with_keys_of(issuer)
    clock.now += RETRY_AFTER
    for fetches in (2, 3):
        for kid in ("51", "52", "53"):
            assert sentence_against(gate, issuer.token(kid)) == UNKNOWN
        assert len(issuer.requests) == fetches
        clock.now += jwks.PAUSE
    issuer.keys["57"] = "EdDSA"
    assert identified(gate, issuer.token("57")) == SUBJECT
    issuer.keys["58"] = "EdDSA"
    clock.now += jwks.PAUSE - 0.001
    assert sentence_against(gate, issuer.token("58")) == UNKNOWN
    assert len(issuer.requests) == 4
    clock.now += 0.001
    assert identified(gate, issuer.token("58")) == SUBJECT


def test_there_is_one_fetch_at_a_time(issuer: Issuer) -> None:
    """Whoever comes while it goes on waits for it, and the event loop for nobody."""
    gate, token = authenticator(issuer.url), issuer.token("1")

    async def identify() -> str:
        with pytest.raises(NoKeys):
            gate.viewer_of(token)
        await gate.renew_keys()
        return str(gate.viewer_of(token).id)

    async def many() -> list[str]:
        issuer.hold.clear()
        waiting = [asyncio.create_task(identify()) for _ in range(50)]
        await asyncio.to_thread(until, lambda: issuer.requests, "The first fetch")
        assert not [task for task in waiting if task.done()]
        issuer.hold.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(many()) == [SUBJECT] * 50
    assert len(issuer.requests) == 1


def test_good_keys_stay_good_while_the_issuer_is_away(clock: SimpleNamespace) -> None:
    with publishing(Issuer(dict(ALL))) as issuer:
        gate = with_keys_of(issuer)
    clock.now += jwks.PAUSE
    assert sentence_against(gate, issuer.token("9")) == UNKNOWN
    assert identified(gate, issuer.token("2", "ES256")) == SUBJECT
    issuer.keys["9"] = "EdDSA"
    clock.now += jwks.PAUSE
    with publishing(issuer, int(issuer.url.split(":")[2].partition("/")[0])):
        assert identified(gate, issuer.token("9")) == SUBJECT


@pytest.mark.parametrize("document", [b"", b"<html>", b"[]", b'{"keys": {}}', b"[" * 60_000])
def test_bad_answer_changes_nothing(
    issuer: Issuer, clock: SimpleNamespace, document: bytes
) -> None:
    gate, issuer.document = with_keys_of(issuer), document
    clock.now += jwks.PAUSE
    assert sentence_against(gate, issuer.token("9")) == UNKNOWN
    assert len(issuer.requests) == 2
    assert identified(gate, issuer.token("1")) == SUBJECT


def test_token_of_a_key_that_has_gone_is_forgotten(issuer: Issuer, clock: SimpleNamespace) -> None:
    """Even one that was verified before; the others are verified anew."""
    gate = with_keys_of(issuer)
    old, kept = issuer.token("1"), issuer.token("2", "ES256")
    assert (identified(gate, old), identified(gate, kept)) == (SUBJECT, SUBJECT)
    del issuer.keys["1"]
    clock.now += jwks.PAUSE
    assert identified(gate, kept) == SUBJECT
    assert sentence_against(gate, issuer.token("9")) == UNKNOWN
    assert sentence_against(gate, old) == UNKNOWN
    assert identified(gate, kept) == SUBJECT


def test_other_key_under_the_same_id_is_another_key(issuer: Issuer, clock: SimpleNamespace) -> None:
    gate, old = with_keys_of(issuer), issuer.token("1")
    assert identified(gate, old) == SUBJECT
    impostor = key_pair("EdDSA", 99)
    issuer.document = key_set(public_jwk(impostor, kid="1"))
    clock.now += jwks.PAUSE
    assert sentence_against(gate, issuer.token("9")) == UNKNOWN
    assert sentence_against(gate, old) == BADLY_SIGNED
    assert identified(gate, token_by(impostor, {"alg": "EdDSA", "kid": "1"})) == SUBJECT


def test_new_key_forgets_no_token(issuer: Issuer, clock: SimpleNamespace) -> None:
    gate = with_keys_of(issuer)
    identified(gate, issuer.token("1"))
    issuer.keys["9"] = "EdDSA"
    clock.now += jwks.PAUSE
    identified(gate, issuer.token("9"))
    assert len(gate.cache) == 2


def test_keys_are_fetched_now_and_then(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anybody asking, so that a key which has gone is not trusted for ever."""
    monkeypatch.setattr(jwks, "INTERVAL", 0.01)
    gate, token = authenticator(issuer.url), issuer.token("1")

    async def outlive() -> None:
        async with gate.keys_kept_fresh():
            await gate.renew_keys()
            assert str(gate.viewer_of(token).id) == SUBJECT
            del issuer.keys["1"]
            fetched = len(issuer.requests)
            more = lambda: len(issuer.requests) >= fetched + 3  # noqa: E731
            await asyncio.to_thread(until, more, "Three more fetches")
            with pytest.raises(InvalidToken, match=UNKNOWN):
                gate.viewer_of(token)

    asyncio.run(outlive())


def test_request_waits_no_longer_than_the_issuer_may_take(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "TIMEOUT", 0.05)
    issuer.hold.clear()
    assert "cannot be fetched" in sentence_against(authenticator(issuer.url), issuer.token("1"))


def refusal_to(url: str) -> str:
    with pytest.raises(FetchError) as refusal:
        fetch(url)
    return str(refusal.value)


def test_redirect_is_not_followed(issuer: Issuer) -> None:
    with publishing(Issuer({"7": "EdDSA"})) as stranger:
        issuer.status, issuer.headers = 302, {"Location": stranger.url}
        assert refusal_to(issuer.url) == "the answer's status is 302, and not 200"
        assert stranger.requests == []


def test_answer_is_bounded(issuer: Issuer) -> None:
    issuer.document = issuer.content().ljust(jwks.MAX_BYTES)
    assert [key.kid for key in fetch(issuer.url).keys] == list(ALL)
    issuer.document += b" "
    assert refusal_to(issuer.url) == "the answer has more than 65,536 bytes"


def test_other_answers(issuer: Issuer) -> None:
    """Each has a sentence for the operator."""
    issuer.status = 500
    assert refusal_to(issuer.url) == "the answer's status is 500, and not 200"
    safe = issuer.url.replace("http:", "https:")
    assert refusal_to(safe).startswith("there is no safe connection (")
    assert refusal_to("http://127.0.0.1:1/") == "Connection refused"
    issuer.status, issuer.headers = 200, {"x": "x" * 70_000}
    assert refusal_to(issuer.url) == "the answer is not HTTP, or is not complete"


def test_query_is_sent(issuer: Issuer) -> None:
    fetch(f"{issuer.url}?tenant=1")
    assert issuer.requests == ["/api/auth/jwks?tenant=1"]


def test_issuer_that_drips_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its pieces comes in time, and there is no end of them."""
    monkeypatch.setattr(jwks, "TIMEOUT", 0.3)
    listener = socket.create_server(("127.0.0.1", 0))
    hung_up = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
            with suppress(OSError):  # who asked has gone
                while not hung_up.wait(0.02):
                    connection.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    assert refusal_to(f"http://127.0.0.1:{listener.getsockname()[1]}/")
    thread.join(10)
    assert not thread.is_alive()


def test_log_is_told_once_and_no_key(
    issuer: Issuer, clock: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "todo_graphql")
    private = {"kid": "8", "d": "a-private-part", **public_jwk(key_pair("EdDSA", 8))}
    contents = [None, b"a-private-part", b"a-private-part", key_set(private), None]
    gate = authenticator(issuer.url)
    for content in contents:
        issuer.document = content
        clock.now += jwks.PAUSE
        asyncio.run(gate.renew_keys())
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "The keys of AUTH_JWKS_URL cannot be fetched",
        "AUTH_JWKS_URL publishes a private key",
        "The keys of AUTH_JWKS_URL are in order again.",
    ]
    assert "a-private-part" not in caplog.text
    assert len(issuer.requests) == len(contents)


def test_tokens_cannot_be_made_for_an_issuer(issuer: Issuer) -> None:
    settings = Settings.from_environment(auth_jwks_url=issuer.url, better_auth_secret=SECRET)
    with pytest.raises(ConfigurationError, match="AUTH_JWKS_URL is set"):
        sign(settings, CLAIMS)
