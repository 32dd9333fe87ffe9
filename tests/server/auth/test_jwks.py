"""Tokens that a public key of an issuer verifies, with a real JWKS endpoint."""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support import plain_http
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
from todo_graphql.server.auth import jwks_client
from todo_graphql.server.auth.tokens import sign
from todo_graphql.settings.settings import ConfigurationError, Settings

UNSUPPORTED_ALGORITHM = "The token's `alg` must be EdDSA or ES256 or RS256."


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer with a key for each algorithm."""
    with publishing(Issuer(dict(ALL))) as issuer:
        yield issuer


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks_client, "PAUSE_SECONDS", 0.01)


@pytest.mark.parametrize(("kid", "algorithm"), ALL.items())
def test_token_of_each_algorithm_is_accepted(
    settings: Settings, issuer: Issuer, kid: str, algorithm: str
) -> None:
    given = {"auth_jwks_url": issuer.url, "better_auth_secret": None}
    with serving(settings.model_copy(update=given)) as url, talking_to(url) as client:
        token = issuer.token(kid, algorithm)
        assert_good(ask(client, f"Bearer {token}"), token)
        forged = issuer.token(kid, algorithm)[:-8] + "AAAAAAAA"
        assert_refused(ask(client, f"Bearer {forged}"), BADLY_SIGNED, forged)


def test_rotated_key_is_fetched_on_first_use(settings: Settings, issuer: Issuer) -> None:
    """The first token of a new key triggers a fetch."""
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
    """The server starts, reports that it is not ready, and still rejects malformed tokens."""
    with publishing(Issuer()) as issuer:
        token = issuer.token("1")
    given = {"auth_jwks_url": issuer.url}
    with serving(settings.model_copy(update=given)) as url, talking_to(url) as client:
        response = ask(client, f"Bearer {token}")
        (error,) = response.json()["errors"]
        assert error["extensions"] == {"code": "UNAVAILABLE", "status": 503, "retryAfter": 5}
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        assert_refused(ask(client, f"Bearer {good()}"), UNSUPPORTED_ALGORITHM, good())
        assert plain_http.get(f"{url}/health/live").status_code == 200
        ready = plain_http.get(f"{url}/health/ready")
        assert ready.status_code == 503
        reason = "The keys that verify tokens have not been fetched yet."
        assert ready.json() == {"status": "not ready", "reason": reason}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_public_key_as_hs256_secret_is_rejected(issuer: Issuer, algorithm: str) -> None:
    """The attack on servers that let a token choose between HS256 and a public key."""
    authenticator = with_keys_of(issuer)
    kid = next(kid for kid in ALL if ALL[kid] == algorithm)
    public = issuer.key(kid).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = json_segment(public_jwk(issuer.key(kid)))
    for key in (pem, pem.strip(), issuer.content(), jwk.encode()):
        for named in ({"kid": kid}, {}):
            token = signed(json_segment({"alg": "HS256", **named}), json_segment(CLAIMS), key)
            assert sentence_against(authenticator, token) == UNSUPPORTED_ALGORITHM


def test_secrets_are_ignored_when_jwks_url_is_set(issuer: Issuer) -> None:
    authenticator = trusting(issuer.url, better_auth_secret=SECRET, better_auth_old_secrets=SECRET)
    assert identified(authenticator, issuer.token("1")) == SUBJECT
    assert sentence_against(authenticator, good()) == UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", None, "", ["EdDSA"], "Ed25519", "ES512"]
)
def test_unsupported_algorithm_is_rejected(issuer: Issuer, algorithm: object) -> None:
    authenticator = with_keys_of(issuer)
    token = token_by(issuer.key("1"), {"alg": algorithm, "kid": "1"})
    assert sentence_against(authenticator, token) == UNSUPPORTED_ALGORITHM
    assert issuer.requests == ["/api/auth/jwks"]


@pytest.mark.parametrize("kid", ALL)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("signer", ALL)
def test_token_with_another_algorithm_than_its_key_is_rejected(
    issuer: Issuer, kid: str, algorithm: str, signer: str
) -> None:
    authenticator = with_keys_of(issuer)
    token = token_by(issuer.key(signer), {"alg": algorithm, "kid": kid})
    if ALL[kid] != algorithm:
        expected = "The token's `alg` is not the algorithm of its key."
    elif kid != signer:
        expected = BADLY_SIGNED
    else:
        assert identified(authenticator, token) == SUBJECT
        return
    assert sentence_against(authenticator, token) == expected


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
def test_key_in_token_header_is_ignored(issuer: Issuer, member: str) -> None:
    """Key references in a header are ignored (RFC 8725, section 3.10)."""
    authenticator = with_keys_of(issuer)
    with publishing(Issuer({"7": "EdDSA"})) as stranger:
        brought = {
            "jwk": public_jwk(stranger.key("7")),
            "jku": stranger.url,
            "x5u": stranger.url,
            "x5c": [segment(stranger.content())],
        }
        named = {"alg": "EdDSA", "kid": "1", member: brought[member]}
        assert identified(authenticator, token_by(issuer.key("1"), named)) == SUBJECT
        assert sentence_against(authenticator, token_by(stranger.key("7"), named)) == BADLY_SIGNED
        elsewhere = token_by(stranger.key("7"), {**named, "kid": "7"})
        assert sentence_against(authenticator, elsewhere) == UNKNOWN
        assert stranger.requests == []


def test_kid_is_required_with_several_keys(issuer: Issuer) -> None:
    authenticator, token = with_keys_of(issuer), token_by(issuer.key("1"), {"alg": "EdDSA"})
    assert "`kid` is missing" in sentence_against(authenticator, token)
    issuer.keys = {"1": "EdDSA"}
    assert identified(with_keys_of(issuer), token) == SUBJECT
    for kid in ("2", "", None, 1, ["1"], {"1": "1"}):
        odd = token_by(issuer.key("1"), {"alg": "EdDSA", "kid": kid})
        assert sentence_against(with_keys_of(issuer), odd) == UNKNOWN


def test_claims_and_form_are_checked_with_public_keys(issuer: Issuer) -> None:
    authenticator = with_keys_of(issuer)
    assert sentence_against(authenticator, issuer.token("1", exp=1)) == EXPIRED
    assert "not a UUID" in sentence_against(authenticator, issuer.token("1", sub="me"))
    token = token_by(issuer.key("1"), {"alg": "EdDSA", "kid": "1", "crit": ["exp"]})
    assert "`crit` is not supported" in sentence_against(authenticator, token)
    assert sentence_against(authenticator, unsigned(header(alg="EdDSA", kid="1"), bytes(64))()) == (
        BADLY_SIGNED
    )
    for algorithm in ("EdDSA", "ES384", "PS256"):
        assert sentence_against(authenticator, by(algorithm)()) != UNKNOWN


def test_sign_raises_error_when_jwks_url_is_set(issuer: Issuer) -> None:
    settings = Settings.from_environment(auth_jwks_url=issuer.url, better_auth_secret=SECRET)
    with pytest.raises(ConfigurationError, match="AUTH_JWKS_URL is set"):
        sign(settings, CLAIMS)
