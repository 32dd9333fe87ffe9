"""The parser of JWK Sets (RFC 7517), which returns the public keys that can verify tokens.

`cryptography` parses each key strictly, and python-jose receives it as PEM. No other part of the
document, such as a private member, reaches python-jose.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from jose import jwk
from jose.backends.base import Key
from jose.exceptions import JWKError

from todo_graphql import base64url
from todo_graphql.server.auth.keys import EDDSA, ES256, RS256, PublicKey, PublicKeys

MIN_RSA_BITS = 2_048  # RFC 7518, section 3.3
MAX_RSA_BITS = 8_192
"""A bound on the processor time of one verification."""

MAX_RSA_EXPONENT_BITS = 64
"""Another bound on it. OpenSSL has the same one for moduli of more than 3,072 bits."""

# The field and the curve of Ed25519: y^2 - x^2 = 1 + d x^2 y^2 (RFC 8032, section 5.1).
ED25519_PRIME = 2**255 - 19
ED25519_D = -121_665 * pow(121_666, -1, ED25519_PRIME)

PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""The members of private and symmetric keys (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1)."""

Member: TypeAlias = Mapping[str, Any]
CryptographyKey: TypeAlias = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey


class KeySetError(ValueError):
    """The document is invalid. The message quotes nothing of it."""


class Ed25519Key(Key):
    """A key for EdDSA (RFC 8037), which python-jose itself does not support."""

    def __init__(self, key: bytes, algorithm: str) -> None:
        loaded = load_pem_public_key(key)
        if algorithm != EDDSA or not isinstance(loaded, Ed25519PublicKey):
            raise JWKError("The key is not an Ed25519 key.")
        self._key = loaded

    def verify(self, msg: bytes, sig: bytes) -> bool:
        try:
            self._key.verify(sig, msg)
        except InvalidSignature:
            return False
        return True


jwk.register_key(EDDSA, Ed25519Key)


def read_key_set(document: bytes) -> PublicKeys:
    """Parse a JWK Set (RFC 7517, section 5). Raises KeySetError.

    Unusable keys are ignored. Keys with private members are rejected: any reader of the document
    could sign with them.
    """
    try:
        content = json.loads(document)
    except (ValueError, RecursionError):
        raise KeySetError("it is not JSON") from None
    members = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(members, list):
        raise KeySetError("it is not a set of JSON Web Keys")
    public = [m for m in members if isinstance(m, dict) and not m.keys() & PRIVATE_MEMBERS]
    exposed = [m for m in members if isinstance(m, dict) and m.keys() & PRIVATE_MEMBERS]
    keys = tuple(key for key in map(read_key, public) if key is not None)
    ignored = len(members) - len(keys) - len(exposed)
    return PublicKeys(keys, exposed=len(exposed), ignored=ignored)


def read_key(member: Member) -> PublicKey | None:
    """Return the key, or None for an unusable one. Type and curve determine its algorithm."""
    kid, kind = member.get("kid"), (member.get("kty"), member.get("crv"))
    for algorithm, algorithm_kind, read in KINDS:
        if kind == algorithm_kind and may_verify(member, algorithm):
            try:
                pem = read(member).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                return PublicKey(kid, algorithm, pem, jwk.construct(pem, algorithm))
            except (ValueError, UnsupportedAlgorithm, JWKError):
                return None
    return None


def may_verify(member: Member, algorithm: str) -> bool:
    """Return whether the key allows verification with the algorithm (RFC 7517, section 4)."""
    key_ops = member.get("key_ops", ["verify"])
    return (
        member.get("alg", algorithm) == algorithm
        and member.get("use", "sig") == "sig"
        and isinstance(key_ops, list)
        and "verify" in key_ops
        and isinstance(member.get("kid", ""), str)
    )


def read_ed25519(member: Member) -> Ed25519PublicKey:
    """Raise ValueError for an encoding of no point, or of a point of small order."""
    point = octets(member, "x")
    key = Ed25519PublicKey.from_public_bytes(point)
    _require_ed25519_point(int.from_bytes(point, "little") % 2**255)
    return key


def _require_ed25519_point(y: int) -> None:
    """Check the y-coordinate, because `cryptography` checks only its length.

    The order of a point is 1 or 2 at y = 1 and y = -1, 4 at y = 0, and 8 if the double of the point
    has the y-coordinate 0. The doubling formula makes this dy^4 + 2y^2 - 1 = 0. With such a key,
    signatures of any message can be made without a private key.
    """
    prime, d = ED25519_PRIME, ED25519_D
    square = y * y % prime
    has_small_order = square in (0, 1) or (d * square * square + 2 * square - 1) % prime == 0
    x_squared = (square - 1) * pow(d * square + 1, -1, prime)
    if y >= prime or has_small_order or pow(x_squared, (prime - 1) // 2, prime) != 1:
        raise ValueError("The point is not on the curve, not canonical, or of small order.")


def read_p256(member: Member) -> EllipticCurvePublicKey:
    """Raise ValueError for a point of another length, or one that is not on the curve."""
    point = b"\4" + octets(member, "x") + octets(member, "y")
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)


def read_rsa(member: Member) -> RSAPublicKey:
    """Raise ValueError for a modulus that is even, too short or too long, or a bad exponent."""
    modulus, exponent = (int.from_bytes(octets(member, name)) for name in ("n", "e"))
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS or modulus % 2 == 0:
        raise ValueError("The modulus is too short, too long or even.")
    if exponent.bit_length() > MAX_RSA_EXPONENT_BITS:
        raise ValueError("The exponent is too long.")
    return RSAPublicNumbers(exponent, modulus).public_key()


def octets(member: Member, name: str) -> bytes:
    """Return the octets of a member. Raises ValueError for another encoding than base64url."""
    value = member.get(name)
    return base64url.decode(value if isinstance(value, str) else "")


KINDS: tuple[tuple[str, tuple[str, str | None], Callable[[Member], CryptographyKey]], ...] = (
    (EDDSA, ("OKP", "Ed25519"), read_ed25519),
    (ES256, ("EC", "P-256"), read_p256),
    (RS256, ("RSA", None), read_rsa),
)
