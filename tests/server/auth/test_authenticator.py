"""The Authenticator without HTTP: the clock, the cache and the secrets."""

import json
import uuid
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from tests.support.accepted_tokens import UNSENDABLE
from tests.support.authenticators import authenticator, settings_with
from tests.support.jwt import CLAIMS, HEADER, SUBJECT, Make, good, secret, swapped, text
from tests.support.refused_tokens import (
    AUDIENCE,
    BADLY_SIGNED,
    EXPIRED,
    ISSUER,
    JWK,
    OWN_KEY,
    STRANGER,
)
from tests.support.servers import SECRET
from tests.support.signers import private_pem, public_pem, public_ssh
from todo_graphql.errors import InvalidToken
from todo_graphql.server.auth import tokens
from todo_graphql.server.auth.tokens import CACHE_CHARACTERS, Authenticator, parse_header
from todo_graphql.settings.settings import ConfigurationError, Settings
from todo_graphql.store.models import Viewer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock of token verification. It stands still until a test sets it."""
    clock = SimpleNamespace(now=1_900_000_000.0)
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


@pytest.mark.parametrize("make", UNSENDABLE.values(), ids=UNSENDABLE)
def test_token_that_no_header_can_carry_is_rejected(make: Make) -> None:
    with pytest.raises(InvalidToken):
        authenticator().viewer_of(make())


def test_token_is_valid_until_its_exp(clock: SimpleNamespace) -> None:
    verifier = authenticator()
    assert verifier.viewer_of(good(exp=clock.now + 0.001)).id == uuid.UUID(SUBJECT)
    with pytest.raises(InvalidToken, match=EXPIRED):
        verifier.viewer_of(good(exp=clock.now))


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_clock_skew_of_30_seconds_is_accepted(clock: SimpleNamespace, name: str) -> None:
    verifier = authenticator()
    assert verifier.viewer_of(good(**{name: clock.now + 30})).id == uuid.UUID(SUBJECT)
    with pytest.raises(InvalidToken, match=f"`{name}` is in the future"):
        verifier.viewer_of(good(**{name: clock.now + 30.001}))


def test_rejected_future_token_is_accepted_after_its_nbf(clock: SimpleNamespace) -> None:
    """Rejected tokens are not cached."""
    verifier, token = authenticator(), good(nbf=clock.now + 60)
    with pytest.raises(InvalidToken):
        verifier.viewer_of(token)
    clock.now += 60
    assert verifier.viewer_of(token) == Viewer(uuid.UUID(SUBJECT))


def test_valid_token_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier, token = authenticator(), good()
    verified: list[str] = []

    def record_token(token: str, algorithms: Sequence[str]) -> dict[str, Any]:
        verified.append(token)
        return parse_header(token, algorithms)

    monkeypatch.setattr(tokens, "parse_header", record_token)
    assert verifier.viewer_of(token) == verifier.viewer_of(token)
    assert verified == [token]


@pytest.mark.no_cover
def test_token_cache_is_bounded() -> None:
    """The least recently used token is dropped, and verified again on its next use.

    Long tokens leave room for fewer.
    """
    for length, low, high in ((0, 4_000, 7_000), (8_000, 450, 512)):
        verifier = authenticator()
        padding = "x" * (length * 3 // 4 - 200)
        tokens = [good(jti=f"{padding}{number}") for number in range(high + 10)]
        viewers = {verifier.viewer_of(token) for token in [*tokens, tokens[0]]}
        assert viewers == {Viewer(uuid.UUID(SUBJECT))}
        assert low < len(verifier.cache) < high
        assert sum(map(len, tokens[-len(verifier.cache) :])) < CACHE_CHARACTERS


def test_cached_signature_is_invalid_for_other_content() -> None:
    verifier = authenticator()
    verifier.viewer_of(good())
    another_user = swapped(HEADER, {**CLAIMS, "sub": STRANGER})
    for make in (another_user, swapped({**HEADER, "kid": "1"}, CLAIMS)):
        with pytest.raises(InvalidToken, match=BADLY_SIGNED):
            verifier.viewer_of(make())


def test_cached_tokens_return_their_own_viewers() -> None:
    verifier = authenticator()
    tokens_by_id = {
        str(uuid.UUID(int=number)): good(sub=str(uuid.UUID(int=number))) for number in range(9)
    }
    for _ in range(2):
        assert [str(verifier.viewer_of(token).id) for token in tokens_by_id.values()] == list(
            tokens_by_id
        )


@pytest.mark.parametrize(
    "json_secret",
    [
        pytest.param(json.dumps({"keys": [JWK]}), id="key set"),
        pytest.param(json.dumps(JWK), id="key"),
        pytest.param(json.dumps([OWN_KEY.decode()]), id="list"),
        pytest.param(json.dumps({"1": OWN_KEY.decode()}), id="keys by id"),
        pytest.param(json.dumps(OWN_KEY.decode()), id="string"),
        pytest.param("12" * 20, id="number"),
    ],
)
def test_secret_that_is_json_is_used_as_text(json_secret: str) -> None:
    verifier = authenticator(better_auth_secret=SecretStr(json_secret))
    assert verifier.viewer_of(secret(json_secret)()) == Viewer(uuid.UUID(SUBJECT))
    with pytest.raises(InvalidToken, match=BADLY_SIGNED):
        verifier.viewer_of(secret(OWN_KEY)())


def test_old_secrets_verify_but_do_not_sign() -> None:
    old = tuple(SecretStr(f"{SECRET}, as it was {when} ago") for when in ("a week", "a year"))
    verifier = authenticator(better_auth_old_secrets=old)
    for known in (SecretStr(SECRET), *old):
        token = secret(known.get_secret_value())()
        assert verifier.viewer_of(token) == Viewer(uuid.UUID(SUBJECT))
    with pytest.raises(InvalidToken, match=BADLY_SIGNED):
        verifier.viewer_of(secret(f"{SECRET}, as it was a day ago")())
    made = tokens.sign(settings_with(better_auth_old_secrets=old), CLAIMS)
    assert authenticator().viewer_of(made) == Viewer(uuid.UUID(SUBJECT))


def test_old_secret_without_current_secret_is_rejected() -> None:
    with pytest.raises(ConfigurationError, match="BETTER_AUTH_SECRET is not set"):
        authenticator(better_auth_secret=None, better_auth_old_secrets=(SecretStr(SECRET),))


@pytest.mark.parametrize("make", [text("weak"), public_pem, private_pem])
def test_invalid_old_secret_is_rejected(make: Make) -> None:
    old = make()
    with pytest.raises(ConfigurationError, match="BETTER_AUTH_OLD_SECRETS is") as error:
        authenticator(better_auth_old_secrets=(SecretStr(SECRET), SecretStr(old)))
    assert old[:40] not in str(error.value)


@pytest.mark.parametrize("key", [public_pem, private_pem, public_ssh])
def test_asymmetric_key_as_secret_is_rejected(key: Make) -> None:
    """Any holder of the public key could sign tokens with it."""
    with pytest.raises(ConfigurationError, match="BETTER_AUTH_SECRET is not usable") as error:
        authenticator(better_auth_secret=SecretStr(key()))
    assert key()[:40] not in str(error.value)


def test_signed_token_has_configured_issuer_and_audience() -> None:
    settings = Settings.from_environment(
        better_auth_secret=SecretStr(SECRET), auth_issuer=ISSUER, auth_audience=AUDIENCE
    )
    viewer = Viewer(uuid.UUID(SUBJECT), "someone@example.com")
    token = tokens.sign(settings, {**CLAIMS, "email": viewer.email})
    assert Authenticator(settings).viewer_of(token) == viewer
