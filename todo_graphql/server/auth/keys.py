"""The keys that verify tokens: secrets shared with Better Auth, or public keys of its JWKS.

A server trusts one kind, never both: otherwise an attacker could sign with HS256 and the text of a
public key as the secret (RFC 8725, section 2.1). Each key has exactly one algorithm, regardless of
the token (section 3.1).
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
"""The seconds until a retry, while there are no keys."""

UNKNOWN_KEY = "The token's key is unknown."

Header: TypeAlias = Mapping[str, Any]


class UnknownKey(InvalidToken):
    """The token's `kid` is unknown. A refresh of the keys may find it."""


class NoKeys(Unavailable):
    """The keys are not fetched yet, so no token can be verified."""

    def __init__(self) -> None:
        super().__init__(
            "The keys that verify tokens cannot be fetched. Retry later.", retry_after=RETRY_AFTER
        )


class UnfetchedKey(Unavailable):
    """The token's key is unknown, and the issuer did not say whether it exists."""

    def __init__(self) -> None:
        super().__init__(
            "The key of the token cannot be fetched. Retry later.", retry_after=RETRY_AFTER
        )


class Keys(Protocol):
    """An immutable set of trusted keys."""

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The accepted values of `alg`: all symmetric, or all asymmetric."""

    def candidates(self, header: Header, /) -> tuple[tuple[Key, ...], str]:
        """Return the keys that may have signed the token, and their algorithm.

        Raises InvalidToken or Unavailable when there is none.
        """


@dataclass(frozen=True, slots=True)
class Secrets:
    """The current secret and the old ones. Each of them verifies tokens."""

    keys: tuple[Key, ...]
    algorithms: ClassVar[tuple[str, ...]] = (HS256,)

    def candidates(self, _header: Header) -> tuple[tuple[Key, ...], str]:
        return self.keys, HS256


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key of an issuer. Equal keys verify the same tokens."""

    kid: str | None
    algorithm: str
    pem: bytes
    key: Key = field(compare=False)


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """The usable keys of an issuer, and the numbers of its rejected and ignored ones."""

    keys: tuple[PublicKey, ...]
    exposed: int = 0
    ignored: int = 0
    algorithms: ClassVar[tuple[str, ...]] = (EDDSA, ES256, RS256)

    def candidates(self, header: Header) -> tuple[tuple[Key, ...], str]:
        named = self._named(header)
        signing = tuple(key.key for key in named if key.algorithm == header["alg"])
        if not signing:
            raise InvalidToken("The token's `alg` is not the algorithm of its key.")
        return signing, header["alg"]

    def _named(self, header: Header) -> tuple[PublicKey, ...]:
        """Return the keys that `kid` names (RFC 7515, section 4.1.4). A sole key needs no name."""
        if "kid" not in header and len(self.keys) > 1:
            raise InvalidToken("The token's `kid` is missing: it must name the key.")
        if "kid" not in header and self.keys:
            return self.keys
        kid = header.get("kid")
        if not isinstance(kid, str | None):
            raise InvalidToken(UNKNOWN_KEY)
        named = tuple(key for key in self.keys if key.kid is not None and key.kid == kid)
        if not named:
            raise UnknownKey(UNKNOWN_KEY)
        return named

    def has_all_of(self, former: Keys) -> bool:
        """Return whether each of the former keys is still trusted."""
        return isinstance(former, PublicKeys) and set(former.keys) <= set(self.keys)


class PendingKeys:
    """The keys of an issuer before the first fetch."""

    algorithms: ClassVar[tuple[str, ...]] = PublicKeys.algorithms

    def candidates(self, _header: Header) -> tuple[tuple[Key, ...], str]:
        raise NoKeys


def initial_keys(settings: Settings) -> Keys:
    """Return the keys at startup. Raises ConfigurationError for an unusable secret."""
    if settings.auth_jwks_url is not None:
        return PendingKeys()
    old = [secret_key("BETTER_AUTH_OLD_SECRETS", old) for old in settings.checked_old_secrets()]
    return Secrets((signing_key(settings), *old))


def signing_key(settings: Settings) -> Key:
    return secret_key("BETTER_AUTH_SECRET", settings.required_secret())


def secret_key(name: str, secret: SecretStr) -> Key:
    """Return the secret as a key. Raises ConfigurationError.

    python-jose parses a secret that it receives as text: JSON would become a set of other keys.
    """
    try:
        return jwk.construct(os.fsencode(secret.get_secret_value()), HS256)
    except JOSEError:
        raise ConfigurationError(
            f"{name} is not usable: it is an asymmetric key or a certificate. Use a random secret."
        ) from None
