"""The keys that verify tokens: secrets shared with Better Auth, or public keys from its JWKS.

A server trusts the one kind or the other, never both. Where both were tried, somebody could sign
with HS256 and take for the secret what everybody knows: the text of a public key (RFC 8725,
section 2.1). A key has one algorithm, whatever a token says about it (section 3.1).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeAlias

from jose import jwk
from jose.backends.base import Key
from jose.exceptions import JOSEError
from pydantic import SecretStr

from todo_graphql.errors import InvalidToken, Unavailable
from todo_graphql.settings.settings import ConfigurationError, Settings

HS256, EDDSA, ES256, RS256 = "HS256", "EdDSA", "ES256", "RS256"

RETRY_AFTER = 5
"""Seconds until it makes sense to ask again, while there are no keys."""

Header: TypeAlias = Mapping[str, Any]


class UnknownKey(InvalidToken):
    """None of the keys has the token's `kid`. Newer keys may."""


class NoKeys(Unavailable):
    """Nobody can say yet whether a token is good."""


class Keys(Protocol):
    """What is trusted at one moment. It does not change: other keys are another one of these."""

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Those that a token may name: all symmetric, or all asymmetric."""

    def candidates(self, header: Header, /) -> tuple[tuple[Key, ...], str]:
        """The keys that may have signed a token with this header, and their one algorithm.

        Raises InvalidToken, or Unavailable, when there is none.
        """


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secret and older ones, each of which is as good as the other to verify with."""

    keys: tuple[Key, ...]
    algorithms: ClassVar[tuple[str, ...]] = (HS256,)

    def candidates(self, _header: Header) -> tuple[tuple[Key, ...], str]:
        return self.keys, HS256


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key of an issuer. Two are the same when they verify the same tokens."""

    kid: str | None
    algorithm: str
    pem: bytes
    key: Key = field(compare=False)


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """Those of an issuer that can be used, and how many others its document holds."""

    keys: tuple[PublicKey, ...]
    exposed: int = 0
    ignored: int = 0
    algorithms: ClassVar[tuple[str, ...]] = (EDDSA, ES256, RS256)

    def candidates(self, header: Header) -> tuple[tuple[Key, ...], str]:
        named = self._named(header)
        signing = tuple(key.key for key in named if key.algorithm == header["alg"])
        if not signing:
            raise InvalidToken("The token is not signed with the algorithm of its key.")
        return signing, header["alg"]

    def _named(self, header: Header) -> tuple[PublicKey, ...]:
        """By its `kid` (RFC 7515, section 4.1.4), which may be missing where there is one key."""
        if "kid" not in header and len(self.keys) > 1:
            raise InvalidToken("The token does not say which key has signed it: `kid` is missing.")
        if "kid" not in header and self.keys:
            return self.keys
        kid = header.get("kid")
        named = tuple(key for key in self.keys if key.kid is not None and key.kid == kid)
        if not named:
            raise UnknownKey("The token's key is not known.")
        return named

    def has_all_of(self, former: Keys) -> bool:
        """Whether each key that was trusted before still is."""
        return isinstance(former, PublicKeys) and set(former.keys) <= set(self.keys)


class PendingKeys:
    """The keys of an issuer before the first fetch."""

    algorithms: ClassVar[tuple[str, ...]] = PublicKeys.algorithms

    def candidates(self, _header: Header) -> tuple[tuple[Key, ...], str]:
        raise NoKeys(
            "The keys that verify tokens cannot be fetched. Try again in a moment.",
            retry_after=RETRY_AFTER,
        )


def trusted_at_start(settings: Settings) -> Keys:
    """Raises ConfigurationError when a secret cannot be a key for HS256."""
    if settings.auth_jwks_url is not None:
        return PendingKeys()
    old = [secret_key("BETTER_AUTH_OLD_SECRETS", old) for old in settings.checked_old_secrets()]
    return Secrets((signing_key(settings), *old))


def signing_key(settings: Settings) -> Key:
    """The secret as a key."""
    return secret_key("BETTER_AUTH_SECRET", settings.required_secret())


def secret_key(name: str, secret: SecretStr) -> Key:
    """Made once: python-jose would read a secret that happens to be JSON, given as text, as a set
    of other keys.
    """
    try:
        return jwk.construct(os.fsencode(secret.get_secret_value()), HS256)
    except JOSEError:
        raise ConfigurationError(
            f"{name} is not usable: it is a key pair's key or a certificate, and HS256 needs a "
            "secret of its own."
        ) from None
