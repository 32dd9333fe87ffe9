"""From the document that an issuer publishes to its public keys.

Each key is read by `cryptography`, strictly, and given to python-jose as PEM: of the document,
which may hold more than it should, nothing but a public key comes that far.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cryptography.exceptions import InvalidSignature
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

FEWEST_RSA_BITS = 2_048  # RFC 7518, section 3.3
MOST_RSA_BITS = 8_192
"""A longer key would take its time with each token."""

PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""What a public key does not have (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1)."""

Member: TypeAlias = Mapping[str, Any]
CryptographysKey: TypeAlias = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey


class KeySetError(ValueError):
    """Says why, and nothing of what the document holds."""


class Ed25519Key(Key):
    """EdDSA (RFC 8037), which python-jose does not have: it takes a class for it, registered."""

    def __init__(self, key: bytes, algorithm: str) -> None:
        loaded = load_pem_public_key(key)
        if algorithm != EDDSA or not isinstance(loaded, Ed25519PublicKey):
            raise JWKError("This is not a key for EdDSA.")
        self._key = loaded

    def verify(self, msg: bytes, sig: bytes) -> bool:
        try:
            self._key.verify(sig, msg)
        except InvalidSignature:
            return False
        return True


jwk.register_key(EDDSA, Ed25519Key)


def read_key_set(document: bytes) -> PublicKeys:
    """A JWK Set (RFC 7517, section 5). Raises KeySetError.

    A key that cannot be used is passed over, and so is one with its private part: whoever can
    read it there can sign.
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
    """The key, if it is one that we verify with: its type and curve say by which algorithm."""
    kid, kind = member.get("kid"), (member.get("kty"), member.get("crv"))
    for algorithm, algorithm_kind, read in KINDS:
        if kind == algorithm_kind and may_verify(member, algorithm):
            try:
                pem = read(member).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            except ValueError:
                return None
            return PublicKey(kid, algorithm, pem, jwk.construct(pem, algorithm))
    return None


def may_verify(member: Member, algorithm: str) -> bool:
    """Whether what it is for, where it says so, is this (RFC 7517, sections 4.2 to 4.5)."""
    key_ops = member.get("key_ops", ["verify"])
    return (
        member.get("alg", algorithm) == algorithm
        and member.get("use", "sig") == "sig"
        and isinstance(key_ops, list)
        and "verify" in key_ops
        and isinstance(member.get("kid", ""), str)
    )


def read_ed25519(member: Member) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(octets(member, "x"))


def read_p256(member: Member) -> EllipticCurvePublicKey:
    """Raises ValueError for a point of another length, or beside the curve."""
    point = b"\4" + octets(member, "x") + octets(member, "y")
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)


def read_rsa(member: Member) -> RSAPublicKey:
    modulus, exponent = (int.from_bytes(octets(member, name)) for name in ("n", "e"))
    if not FEWEST_RSA_BITS <= modulus.bit_length() <= MOST_RSA_BITS:
        raise ValueError("The key is too short, or too long.")
    return RSAPublicNumbers(exponent, modulus).public_key()


def octets(member: Member, name: str) -> bytes:
    """Return the octets of a member. Raises ValueError if it is not written in base64url."""
    value = member.get(name)
    return base64url.decode(value if isinstance(value, str) else "")


KINDS: tuple[tuple[str, tuple[str, str | None], Callable[[Member], CryptographysKey]], ...] = (
    (EDDSA, ("OKP", "Ed25519"), read_ed25519),
    (ES256, ("EC", "P-256"), read_p256),
    (RS256, ("RSA", None), read_rsa),
)
