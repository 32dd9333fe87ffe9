"""Tokens of an issuer with public keys: over HTTP, with a server of the issuer's own."""

from collections.abc import Iterator

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.admissions import ask, assert_good, assert_refused, talking_to
from tests.support.authenticators import (
    UNKNOWN,
    identified,
    sentence_against,
    trusting,
    with_keys_of,
)
from tests.support.issuer import ALGORITHMS, ALL, Issuer, public_jwk, publishing, token_by
from tests.support.jwt import CLAIMS, SUBJECT, good, header, json_segment, segment, signed, unsigned
from tests.support.refused_tokens import BADLY_SIGNED, EXPIRED
from tests.support.servers import SECRET, serving
from tests.support.signers import by
from todo_graphql.server.auth.tokens import sign
from todo_graphql.settings.settings import ConfigurationError, Settings

ANOTHER_FAMILY = "The token is not signed with EdDSA or ES256 or RS256."


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """One with a key for each algorithm."""
    with publishing(Issuer(dict(ALL))) as issuer:
        yield issuer


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
    gate = trusting(issuer.url, better_auth_secret=SECRET, better_auth_old_secrets=SECRET)
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


def test_tokens_cannot_be_made_for_an_issuer(issuer: Issuer) -> None:
    settings = Settings.from_environment(auth_jwks_url=issuer.url, better_auth_secret=SECRET)
    with pytest.raises(ConfigurationError, match="AUTH_JWKS_URL is set"):
        sign(settings, CLAIMS)
