"""Verification of bearer tokens (JWT): from a token to its Viewer.

A token is a JWS in compact serialization (RFC 7515, RFC 7519). The secret that is shared with
Better Auth signs it with HS256, or a key of its JWKS. python-jose verifies the signature, but is
lenient otherwise: the form is checked before it, the claims after it, and every exception rejects
the token.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from jose import jwt
from jose.exceptions import JOSEError

from todo_graphql import base64url
from todo_graphql.cache import Cache
from todo_graphql.errors import Problem
from todo_graphql.server.auth.claims import (
    parse_audiences,
    parse_email,
    parse_numeric_date,
    parse_subject,
    reject,
    require_strings,
)
from todo_graphql.server.auth.keys import (
    HS256,
    Keys,
    PendingKeys,
    PublicKeys,
    initial_keys,
    signing_key,
)
from todo_graphql.settings.settings import ConfigurationError, Settings
from todo_graphql.store.models import Viewer

if TYPE_CHECKING:
    from todo_graphql.server.auth.jwks_client import JWKSClient

MAX_TOKEN_LENGTH = 8_192
"""The most characters of a token. Better Auth's default payload is the whole user."""

MAX_CLOCK_SKEW_SECONDS = 30
"""The tolerance for an issuer's clock that is ahead, for `nbf` and `iat`."""

CACHE_CHARACTERS = 4_194_304
"""The total weight of cached tokens: those of 500 characters are about 4,000."""

ENTRY_CHARACTERS = 512
"""The weight of an entry beside the characters of its token."""

# Explicit types of access tokens (RFC 8725, section 3.11).
ACCESS_TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")

# This module checks the claims, more strictly than python-jose.
SIGNATURE_ONLY = {
    f"verify_{claim}": False
    for claim in ("aud", "iat", "exp", "nbf", "iss", "sub", "jti", "at_hash")
}


class VerifiedToken(NamedTuple):
    """The user of a valid token, its expiry, and its weight in the cache."""

    viewer: Viewer
    expires_at: float
    weight: int


class Authenticator:
    """A verifier of tokens, with a cache of valid ones."""

    def __init__(self, settings: Settings) -> None:
        """Create the verifier. Raises ConfigurationError for an unusable secret."""
        self._keys = initial_keys(settings)
        url = settings.auth_jwks_url
        self._jwks = None if url is None else jwks_client(url, self._trust)
        self._issuer = settings.auth_issuer
        self._audience = settings.auth_audience
        self.cache: Cache[str, VerifiedToken] = Cache(
            CACHE_CHARACTERS, weigh=lambda verified: verified.weight
        )
        self._lock = threading.Lock()

    def viewer_of(self, token: str) -> Viewer:
        """Return the user that a valid token names. Raises InvalidToken for any other token."""
        return self.verify(token)[0]

    def verify(self, token: str) -> tuple[Viewer, float]:
        """Return the user that a valid token names, and the Unix time of its expiration.

        Raises InvalidToken for any other token.
        """
        verified = self.cache.get(token) or self._verify_and_cache(token)
        if verified.expires_at <= time.time():
            reject("The token has expired.")
        return verified.viewer, verified.expires_at

    @property
    def has_keys(self) -> bool:
        """Return whether tokens can be verified. The first fetch of a JWKS may be pending."""
        return not isinstance(self._keys, PendingKeys)

    async def refresh_keys(self, network: str) -> None:
        """Fetch the keys of the issuer again, for a client's token with an unknown key.

        Raises Unavailable if the keys cannot be fetched.
        """
        if self._jwks is not None:
            await self._jwks.refresh(network)

    def keys_kept_fresh(self) -> AbstractAsyncContextManager[None]:
        """Refresh the keys of the issuer regularly while the server runs."""
        return nullcontext() if self._jwks is None else self._jwks.kept_fresh()

    def _trust(self, keys: PublicKeys) -> None:
        """Replace the keys. A removed key may have signed any token, so it clears the cache."""
        with self._lock:
            if not keys.has_all_of(self._keys):
                self.cache.clear()
            self._keys = keys

    def _verify_and_cache(self, token: str) -> VerifiedToken:
        keys = self._keys
        weight = len(token) + ENTRY_CHARACTERS
        verified = VerifiedToken(*self._verify(token, keys), weight)
        with self._lock:
            if keys is self._keys:  # the result of replaced keys may be outdated
                self.cache.put(token, verified)
        return verified

    def _verify(self, token: str, keys: Keys) -> tuple[Viewer, float]:
        try:
            header = parse_header(token, keys.algorithms)
            signing, algorithm = keys.candidates(header)
            claims = jwt.decode(
                token,
                signing,  # type: ignore[arg-type] # the stubs omit sequences of keys
                [algorithm],
                options=dict(SIGNATURE_ONLY),
            )
            return self._read_claims(claims)
        except Problem:
            raise
        except JOSEError:
            reject("The token's signature is invalid.")
        except Exception:  # noqa: BLE001 - a token that breaks a parser is invalid
            reject("The token is malformed.")

    def _read_claims(self, claims: Mapping[str, Any]) -> tuple[Viewer, float]:
        now = time.time()
        expires_at = parse_numeric_date(claims, "exp")
        if expires_at is None:
            reject("The token's `exp` is missing: a token must expire.")
        for name in ("nbf", "iat"):
            if (parse_numeric_date(claims, name) or 0) > now + MAX_CLOCK_SKEW_SECONDS:
                reject(f"The token's `{name}` is in the future.")
        self._check_origin(claims)
        return Viewer(id=parse_subject(claims), email=parse_email(claims)), expires_at

    def _check_origin(self, claims: Mapping[str, Any]) -> None:
        require_strings(claims, "iss", "jti")
        if self._issuer is not None and claims.get("iss") != self._issuer:
            reject("The token's `iss` is not the expected issuer.")
        audiences = parse_audiences(claims)
        if self._audience is not None and self._audience not in audiences:
            reject("The token's `aud` does not include the expected audience.")


def sign(settings: Settings, claims: Mapping[str, object]) -> str:
    """Return a token with the claims and the configured `iss` and `aud`, for development."""
    if settings.auth_jwks_url is not None:
        raise ConfigurationError(
            "AUTH_JWKS_URL is set: only its issuer can sign tokens for this server."
        )
    origin = {"iss": settings.auth_issuer, "aud": settings.auth_audience}
    configured = {name: value for name, value in origin.items() if value is not None}
    return jwt.encode({**configured, **claims}, signing_key(settings), HS256)


def parse_header(token: str, algorithms: Sequence[str]) -> dict[str, Any]:
    """Return the header of a well-formed token. Raises InvalidToken."""
    if len(token) > MAX_TOKEN_LENGTH:
        reject(f"The token has more than {MAX_TOKEN_LENGTH:,} characters.")
    segments = [decode_segment(segment) for segment in token.split(".")]
    if len(segments) != 3:
        reject("The token is not a JWS in compact serialization.")
    header = decode_object(segments[0])
    decode_object(segments[1])
    if header.get("alg") not in algorithms:
        reject(f"The token's `alg` must be {' or '.join(algorithms)}.")
    if "crit" in header:
        reject("The token's `crit` is not supported.")
    if str(header.get("typ", "JWT")).lower() not in ACCESS_TYPES:
        reject("The token's `typ` must be JWT or at+jwt.")
    return header


def jwks_client(url: str, trust: Callable[[PublicKeys], None]) -> "JWKSClient":
    """Create the client. Only servers that need one import httpx."""
    from todo_graphql.server.auth.jwks_client import JWKSClient  # noqa: PLC0415

    return JWKSClient(url, trust)


def decode_segment(segment: str) -> bytes:
    """Decode a part of a token. Raises InvalidToken."""
    try:
        return base64url.decode(segment)
    except ValueError:
        reject("The token is not encoded in base64url.")


def decode_object(content: bytes) -> dict[str, Any]:
    """Parse a JSON object strictly: without duplicate members and NaN."""
    value = json.loads(
        content.decode(), object_pairs_hook=parse_members, parse_constant=reject_constant
    )
    if not isinstance(value, dict):
        reject("The token's header and claims must be JSON objects.")
    return value


def parse_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Reject duplicate members, which parsers interpret differently (RFC 7519, section 4)."""
    members = dict(pairs)
    if len(members) != len(pairs):
        reject("The token contains a duplicate member.")
    return members


def reject_constant(constant: str) -> NoReturn:
    """Reject NaN and Infinity, which only Python accepts as JSON (RFC 8259, section 6)."""
    reject(f"The token is not valid JSON ({constant}).")
