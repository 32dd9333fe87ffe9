"""What the Authenticator does besides HTTP: time, its memory, its secret."""

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
from todo_graphql.server.auth.tokens import CACHED_TOKENS, Authenticator, check_form
from todo_graphql.settings.settings import ConfigurationError, Settings
from todo_graphql.store.models import Viewer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock that tokens are judged by: it stands still, and goes where a test puts it."""
    clock = SimpleNamespace(now=1_900_000_000.0)
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


@pytest.mark.parametrize("make", UNSENDABLE.values(), ids=UNSENDABLE)
def test_token_that_no_header_carries_is_refused(make: Make) -> None:
    with pytest.raises(InvalidToken):
        authenticator().viewer_of(make())


def test_token_is_good_until_the_moment_of_its_exp(clock: SimpleNamespace) -> None:
    gate = authenticator()
    assert gate.viewer_of(good(exp=clock.now + 0.001)).id == uuid.UUID(SUBJECT)
    with pytest.raises(InvalidToken, match=EXPIRED):
        gate.viewer_of(good(exp=clock.now))


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_clocks_may_differ_by_30_seconds(clock: SimpleNamespace, name: str) -> None:
    gate = authenticator()
    assert gate.viewer_of(good(**{name: clock.now + 30})).id == uuid.UUID(SUBJECT)
    with pytest.raises(InvalidToken, match=f"from the future, says its `{name}`"):
        gate.viewer_of(good(**{name: clock.now + 30.001}))


def test_token_from_the_future_is_good_when_its_time_comes(clock: SimpleNamespace) -> None:
    """A refusal is not remembered."""
    gate, token = authenticator(), good(nbf=clock.now + 60)
    with pytest.raises(InvalidToken):
        gate.viewer_of(token)
    clock.now += 60
    assert gate.viewer_of(token) == Viewer(uuid.UUID(SUBJECT))


def test_good_token_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, token = authenticator(), good()
    verified: list[str] = []

    def noting(token: str, algorithms: Sequence[str]) -> dict[str, Any]:
        verified.append(token)
        return check_form(token, algorithms)

    monkeypatch.setattr(tokens, "check_form", noting)
    assert gate.viewer_of(token) == gate.viewer_of(token)
    assert verified == [token]


def test_cache_is_bounded() -> None:
    """And forgets the token that has not been used for longest, which is still a good one."""
    gate = authenticator()
    tokens = [good(jti=number) for number in range(CACHED_TOKENS + 10)]
    viewers = {gate.viewer_of(token) for token in [*tokens, tokens[0]]}
    assert viewers == {Viewer(uuid.UUID(SUBJECT))}
    assert len(gate.cache) == CACHED_TOKENS


def test_known_signature_vouches_for_nothing_else() -> None:
    gate = authenticator()
    gate.viewer_of(good())
    another_user = swapped(HEADER, {**CLAIMS, "sub": STRANGER})
    for make in (another_user, swapped({**HEADER, "kid": "1"}, CLAIMS)):
        with pytest.raises(InvalidToken, match=BADLY_SIGNED):
            gate.viewer_of(make())


def test_cached_viewers_are_not_mixed_up() -> None:
    gate = authenticator()
    people = {
        str(uuid.UUID(int=number)): good(sub=str(uuid.UUID(int=number))) for number in range(9)
    }
    for _ in range(2):
        assert [str(gate.viewer_of(token).id) for token in people.values()] == list(people)


@pytest.mark.parametrize(
    "json_secret",
    [
        pytest.param(json.dumps({"keys": [JWK]}), id="key set"),
        pytest.param(json.dumps(JWK), id="key"),
        pytest.param(json.dumps([OWN_KEY.decode()]), id="list"),
        pytest.param(json.dumps({"1": OWN_KEY.decode()}), id="keys by id"),
        pytest.param(json.dumps(OWN_KEY.decode()), id="string"),
        pytest.param("1" * 40, id="number"),
    ],
)
def test_secret_that_happens_to_be_json_is_the_secret(json_secret: str) -> None:
    gate = authenticator(better_auth_secret=SecretStr(json_secret))
    assert gate.viewer_of(secret(json_secret)()) == Viewer(uuid.UUID(SUBJECT))
    with pytest.raises(InvalidToken, match=BADLY_SIGNED):
        gate.viewer_of(secret(OWN_KEY)())


def test_old_secrets_verify_and_do_not_sign() -> None:
    """Whichever of them it is; a secret that is none of them does neither."""
    old = tuple(SecretStr(f"{SECRET}, as it was {when} ago") for when in ("a week", "a year"))
    gate = authenticator(better_auth_old_secrets=old)
    for known in (SecretStr(SECRET), *old):
        token = secret(known.get_secret_value())()
        assert gate.viewer_of(token) == Viewer(uuid.UUID(SUBJECT))
    with pytest.raises(InvalidToken, match=BADLY_SIGNED):
        gate.viewer_of(secret(f"{SECRET}, as it was a day ago")())
    made = tokens.sign(settings_with(better_auth_old_secrets=old), CLAIMS)
    assert authenticator().viewer_of(made) == Viewer(uuid.UUID(SUBJECT))


def test_old_secret_alone_is_none() -> None:
    """The one that signs is named by its own variable."""
    with pytest.raises(ConfigurationError, match="BETTER_AUTH_SECRET is not set"):
        authenticator(better_auth_secret=None, better_auth_old_secrets=(SecretStr(SECRET),))


@pytest.mark.parametrize("make", [text("weak"), public_pem, private_pem])
def test_old_secrets_are_checked_like_the_first(make: Make) -> None:
    old = make()
    with pytest.raises(ConfigurationError, match="BETTER_AUTH_OLD_SECRETS is") as refusal:
        authenticator(better_auth_old_secrets=(SecretStr(SECRET), SecretStr(old)))
    assert old[:40] not in str(refusal.value)


@pytest.mark.parametrize("key", [public_pem, private_pem, public_ssh])
def test_asymmetric_key_is_no_secret(key: Make) -> None:
    """Whoever has the public key could sign."""
    with pytest.raises(ConfigurationError, match="BETTER_AUTH_SECRET is not usable") as refusal:
        authenticator(better_auth_secret=SecretStr(key()))
    assert key()[:40] not in str(refusal.value)


def test_own_tokens_are_good_where_an_origin_is_configured() -> None:
    settings = Settings.from_environment(
        better_auth_secret=SecretStr(SECRET), auth_issuer=ISSUER, auth_audience=AUDIENCE
    )
    viewer = Viewer(uuid.UUID(SUBJECT), "someone@example.com")
    token = tokens.sign(settings, {**CLAIMS, "email": viewer.email})
    assert Authenticator(settings).viewer_of(token) == viewer
