"""From a bearer token to a Viewer: the only module that knows tokens.

A token is a JWS in compact form (RFC 7515, RFC 7519), signed with HS256 by the secret that
is shared with Better Auth, or by a key of its JWKS. python-jose checks the signature; on its
own it lets much pass, or trips over it, that a token of ours never has. So a token must look
like one of ours before python-jose sees it, its claims must be right afterwards, and whatever
else goes wrong on the way is a refusal, too.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NoReturn

from jose import jwt
from jose.exceptions import JOSEError

from todo_graphql import base64url
from todo_graphql.cache import Cache
from todo_graphql.errors import InvalidToken, Problem
from todo_graphql.server.auth.keys import (
    HS256,
    Keys,
    PendingKeys,
    PublicKeys,
    signing_key,
    trusted_at_start,
)
from todo_graphql.settings.settings import ConfigurationError, Settings
from todo_graphql.store.models import Viewer
from todo_graphql.store.validation import UUID_TEXT, is_storable

if TYPE_CHECKING:
    from todo_graphql.server.auth.jwks_client import JWKSClient

MAX_TOKEN_LENGTH = 4_096
MAX_CLOCK_SKEW = 30
"""Seconds by which the issuer's clock may be ahead of ours, for `nbf` and `iat`."""

END_OF_TIME = 253_402_300_800
"""9999-12-31T24:00:00Z. A later date is a mistake, such as one in milliseconds."""

CACHED_TOKENS = 4_096

# An explicit type says what a token is for (RFC 8725, section 3.11). These say: for access.
ACCESS_TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")

# Claims are checked below, more strictly than python-jose does it.
ONLY_THE_SIGNATURE = {
    f"verify_{claim}": False
    for claim in ("aud", "iat", "exp", "nbf", "iss", "sub", "jti", "at_hash")
}


class Authenticator:
    """Verifies tokens and remembers those that were good, until they expire."""

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigurationError when a secret cannot be a key for HS256."""
        self._keys = trusted_at_start(settings)
        url = settings.auth_jwks_url
        self._jwks = None if url is None else jwks_client(url, self._trust)
        self._issuer = settings.auth_issuer
        self._audience = settings.auth_audience
        self.cache: Cache[str, tuple[Viewer, float]] = Cache(CACHED_TOKENS)
        self._lock = threading.Lock()

    def viewer_of(self, token: str) -> Viewer:
        """Who the token says is asking. Raises InvalidToken for every token but a good one."""
        viewer, expires_at = self.cache.get(token) or self._learn(token)
        if expires_at <= time.time():
            refuse("The token has expired.")
        return viewer

    @property
    def has_keys(self) -> bool:
        """Whether tokens can be verified. An issuer's keys may still be on their way."""
        return not isinstance(self._keys, PendingKeys)

    async def renew_keys(self) -> None:
        """For a token whose key is not known: there may be newer ones."""
        if self._jwks is not None:
            await self._jwks.refresh()

    def keys_kept_fresh(self) -> AbstractAsyncContextManager[None]:
        """While the server runs: an issuer's keys come and go."""
        return nullcontext() if self._jwks is None else self._jwks.kept_fresh()

    def _trust(self, keys: PublicKeys) -> None:
        """From now on these count. When one has gone, all tokens are verified anew, because one
        of them may have been signed by it.
        """
        with self._lock:
            if not keys.has_all_of(self._keys):
                self.cache.clear()
            self._keys = keys

    def _learn(self, token: str) -> tuple[Viewer, float]:
        keys = self._keys
        known = self._verify(token, keys)
        with self._lock:
            if keys is self._keys:  # what other keys have said may be wrong by now
                self.cache.put(token, known)
        return known

    def _verify(self, token: str, keys: Keys) -> tuple[Viewer, float]:
        try:
            header = check_form(token, keys.algorithms)
            signing, algorithm = keys.candidates(header)
            claims = jwt.decode(
                token,
                signing,  # type: ignore[arg-type] # it takes several keys, which its stubs forgot
                [algorithm],
                options=dict(ONLY_THE_SIGNATURE),
            )
            return self._read(claims)
        except Problem:
            raise
        except JOSEError:
            refuse("The token's signature is not right.")
        except Exception:  # noqa: BLE001 - a token that breaks a parser is not a good one
            refuse("The token cannot be read.")

    def _read(self, claims: Mapping[str, Any]) -> tuple[Viewer, float]:
        now = time.time()
        expires_at = moment(claims, "exp")
        if expires_at is None:
            refuse("The token never expires: `exp` is missing.")
        for name in ("nbf", "iat"):
            if (moment(claims, name) or 0) > now + MAX_CLOCK_SKEW:
                refuse(f"The token is from the future, says its `{name}`.")
        self._check_origin(claims)
        return Viewer(id=subject(claims), email=email(claims)), expires_at

    def _check_origin(self, claims: Mapping[str, Any]) -> None:
        if self._issuer is not None and claims.get("iss") != self._issuer:
            refuse("The token is from another issuer, or from none.")
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if self._audience is not None and self._audience not in audiences:
            refuse("The token is for another audience, or for none.")


def sign(settings: Settings, claims: Mapping[str, object]) -> str:
    """A token with these claims, and with `iss` and `aud` as configured. For development."""
    if settings.auth_jwks_url is not None:
        raise ConfigurationError(
            "AUTH_JWKS_URL is set: only its issuer can make tokens that are accepted here."
        )
    origin = {"iss": settings.auth_issuer, "aud": settings.auth_audience}
    configured = {name: value for name, value in origin.items() if value is not None}
    return jwt.encode({**configured, **claims}, signing_key(settings), HS256)


def check_form(token: str, algorithms: Sequence[str]) -> dict[str, Any]:
    """The header. Raises InvalidToken unless it and the claims are what we read, and nothing but
    that.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        refuse(f"The token has more than {MAX_TOKEN_LENGTH:,} characters.")
    segments = [decode_segment(segment) for segment in token.split(".")]
    if len(segments) != 3:
        refuse("The token is not a JWS in compact form.")
    header = decode_object(segments[0])
    decode_object(segments[1])
    if header.get("alg") not in algorithms:
        refuse(f"The token is not signed with {' or '.join(algorithms)}.")
    if "crit" in header:
        refuse("The token demands an extension that is not known here.")
    if str(header.get("typ", "JWT")).lower() not in ACCESS_TYPES:
        refuse("The token is of a type that is not for access.")
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
        refuse("The token is not written in base64url.")


def decode_object(content: bytes) -> dict[str, Any]:
    """A JSON object that reads the same for everybody: no member twice, no NaN."""
    value = json.loads(
        content.decode(), object_pairs_hook=unique_members, parse_constant=no_such_number
    )
    if not isinstance(value, dict):
        refuse("The token does not consist of JSON objects.")
    return value


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers differ on which of two members of one name counts (RFC 7519, section 4)."""
    members = dict(pairs)
    if len(members) != len(pairs):
        refuse("The token has a member twice.")
    return members


def no_such_number(constant: str) -> NoReturn:
    """Python reads NaN and Infinity, which JSON does not have (RFC 8259, section 6)."""
    refuse(f"The token holds {constant}, which is no JSON.")


def moment(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519, section 2) in seconds since 1970, or None if it is absent."""
    value = claims.get(name)
    if name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(f"The token's `{name}` is not a number.")
    if not 0 <= value <= END_OF_TIME:
        refuse(f"The token's `{name}` is not a date.")
    return float(value)


def subject(claims: Mapping[str, Any]) -> uuid.UUID:
    """The user's id. Better Auth makes UUIDs with `generateId: "uuid"`."""
    value = claims.get("sub")
    if not isinstance(value, str) or not UUID_TEXT.fullmatch(value):
        refuse("The token's `sub` is not a UUID.")
    return uuid.UUID(value)


def email(claims: Mapping[str, Any]) -> str | None:
    """The address as it is, if there is one. It names nobody: only `sub` does."""
    value = claims.get("email")
    if value is None:
        return None
    if not isinstance(value, str) or not is_storable(value):
        refuse("The token's `email` is not a text.")
    return value


def refuse(reason: str) -> NoReturn:
    """Raises InvalidToken. The reason goes to the client, so it holds nothing of the token."""
    raise InvalidToken(reason)
