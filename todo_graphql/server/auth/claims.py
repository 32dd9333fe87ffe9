"""The claims of a token (RFC 7519, section 4.1): their types and their values."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from todo_graphql.errors import InvalidToken
from todo_graphql.store.validation import UUID_TEXT, is_storable

MAX_NUMERIC_DATE = 253_402_300_800
"""9999-12-31T24:00:00Z. A later date is a mistake, such as a date in milliseconds."""


def parse_numeric_date(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a NumericDate (RFC 7519, section 2), or None if the claim is absent."""
    value = claims.get(name)
    if name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        reject(f"The token's `{name}` is not a number.")
    if not 0 <= value <= MAX_NUMERIC_DATE:
        reject(f"The token's `{name}` is out of range.")
    return float(value)


def require_strings(claims: Mapping[str, Any], *names: str) -> None:
    """Raise InvalidToken if one of these claims is present and not a string."""
    for name in names:
        if not isinstance(claims.get(name, ""), str):
            reject(f"The token's `{name}` is not a string.")


def parse_audiences(claims: Mapping[str, Any]) -> Sequence[str]:
    """Return the values of `aud`, a string or a list of strings (RFC 7519, section 4.1.3)."""
    if "aud" not in claims:
        return ()
    value = claims["aud"]
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) for one in values):
        reject("The token's `aud` is not a string or a list of strings.")
    return values


def parse_subject(claims: Mapping[str, Any]) -> uuid.UUID:
    """Return the user's id, a UUID from Better Auth with `generateId: "uuid"`."""
    value = claims.get("sub")
    if not isinstance(value, str) or not UUID_TEXT.fullmatch(value):
        reject("The token's `sub` is not a UUID.")
    return uuid.UUID(value)


def parse_email(claims: Mapping[str, Any]) -> str | None:
    """Return the address, if there is one. Only `sub` identifies the user."""
    value = claims.get("email")
    if value is None:
        return None
    if not isinstance(value, str) or not is_storable(value):
        reject("The token's `email` is not a valid string.")
    return value


def reject(reason: str) -> NoReturn:
    """Raise InvalidToken. The client sees the reason, so it quotes nothing of the token."""
    raise InvalidToken(reason)
