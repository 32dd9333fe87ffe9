"""The parser of JWK Sets: accepted, ignored and rejected keys."""

from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jose import jwk
from jose.backends.base import Key
from jose.exceptions import JOSEError, JWKError

from tests.support.issuer import ALGORITHMS, key_pair, key_set, public_jwk
from tests.support.jwt import segment
from todo_graphql.server.auth.jwk_set import Ed25519Key, KeySetError, read_key_set

ED, EC, RSA = (public_jwk(key_pair(algorithm)) for algorithm in ALGORITHMS)


def ed25519_jwk(y: int) -> dict[str, object]:
    """Return a JWK with this y-coordinate. The highest bit is the sign of x."""
    return {**ED, "x": segment(y.to_bytes(32, "little"))}


PRIME, SIGN = 2**255 - 19, 2**255
ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SMALL_ORDER = {
    "1": 1,
    "2": PRIME - 1,
    "4": 0,
    "8": ORDER_8,
    "8, negative": PRIME - ORDER_8,
    "1, not canonical": PRIME + 1,
    "4, not canonical": PRIME,
}
"""The y-coordinates of all points of small order, by their order."""


def rsa_jwk(bits: int) -> dict[str, object]:
    """Return a JWK with a modulus of this length. It verifies no signature."""
    return {"kty": "RSA", "n": segment(((1 << bits) - 1).to_bytes(bits // 8)), "e": "AQAB"}


ACCEPTED: Mapping[str, tuple[Any, str]] = {
    "Ed25519": (ED, "EdDSA"),
    "P-256": (EC, "ES256"),
    "RSA": (RSA, "RS256"),
    "alg": ({**ED, "alg": "EdDSA"}, "EdDSA"),
    "use": ({**EC, "use": "sig"}, "ES256"),
    "key_ops": ({**RSA, "key_ops": ["verify"]}, "RS256"),
    "members that mean nothing here": ({**ED, "x5u": "https://mallory.example", "y": 1}, "EdDSA"),
    "RSA of 2048 bits": (rsa_jwk(2_048), "RS256"),
    "RSA of 8192 bits": (rsa_jwk(8_192), "RS256"),
}

IGNORED: Mapping[str, Any] = {
    "no object": "a key",
    "nothing in it": {},
    "another kty": {**ED, "kty": "EC"},
    "kty in small letters": {**EC, "kty": "ec"},
    "kty a list": {**ED, "kty": ["OKP"]},
    "kty of a secret": {"kty": "oct"},
    "another curve of Edwards": {**ED, "crv": "Ed448"},
    "a curve for key agreement": {**ED, "crv": "X25519"},
    "P-384": public_jwk(ec.generate_private_key(ec.SECP384R1())),
    "P-384 that says P-256": {
        **public_jwk(ec.generate_private_key(ec.SECP384R1())),
        "crv": "P-256",
    },
    "secp256k1": {**EC, "crv": "secp256k1"},
    "RSA with a curve": {**RSA, "crv": "P-256"},
    "point beside the curve": {**EC, "y": EC["x"]},
    "point without its y": {name: EC[name] for name in EC if name != "y"},
    "point that is short": {**EC, "x": segment(bytes(31))},
    "Ed25519 that is short": {**ED, "x": segment(bytes(31))},
    "Ed25519 that is long": {**ED, "x": segment(bytes(33))},
    "Ed25519 beside the curve": ed25519_jwk(2),
    "Ed25519 that is not canonical": ed25519_jwk(PRIME + 3),
    **{f"Ed25519 of order {order}": ed25519_jwk(y) for order, y in SMALL_ORDER.items()},
    **{
        f"Ed25519 of order {order}, signed": ed25519_jwk(y + SIGN)
        for order, y in SMALL_ORDER.items()
    },
    "point at zero": {**EC, "x": segment(bytes(32)), "y": segment(bytes(32))},
    "point with coordinates beyond the field": {
        **EC,
        "x": segment(b"\xff" * 32),
        "y": segment(b"\xff" * 32),
    },
    "x with padding": {**ED, "x": f"{ED['x']}="},
    "x in the other alphabet": {**ED, "x": "+/" + str(ED["x"])[2:]},
    "x with spaces": {**ED, "x": f"{ED['x']}    "},
    "x not ASCII": {**ED, "x": "\xe9" * 43},
    "x a number": {**ED, "x": 1},
    "x null": {**ED, "x": None},
    "RSA of 1024 bits": public_jwk(rsa.generate_private_key(65_537, 1_024)),  # noqa: S505
    "RSA of 2040 bits": rsa_jwk(2_040),
    "RSA of 8200 bits": rsa_jwk(8_200),
    "RSA with an even modulus": {**rsa_jwk(2_048), "n": segment(b"\xff" * 255 + b"\xfe")},
    "RSA with a long exponent": {**RSA, "e": segment((2**64 + 1).to_bytes(9))},
    "RSA with exponent 1": {**RSA, "e": "AQ"},
    "RSA with an even exponent": {**RSA, "e": "Ag"},
    "RSA without an exponent": {**RSA, "e": ""},
    "another alg": {**RSA, "alg": "PS256"},
    "alg of another kind of key": {**RSA, "alg": "HS256"},
    "alg none": {**ED, "alg": "none"},
    "alg null": {**ED, "alg": None},
    "for encryption": {**RSA, "use": "enc"},
    "use a list": {**RSA, "use": ["sig"]},
    "key_ops without verify": {**RSA, "key_ops": ["encrypt"]},
    "key_ops empty": {**RSA, "key_ops": []},
    "key_ops a text": {**RSA, "key_ops": "verify"},
    "kid a number": {**ED, "kid": 1},
    "kid null": {**ED, "kid": None},
}

EXPOSED: Mapping[str, Any] = {
    "private Ed25519": {**ED, "d": segment(bytes(32))},
    "private P-256": {**EC, "d": segment(bytes(32))},
    "private RSA": {**RSA, "p": "AQ", "q": "AQ"},
    "secret": {"kty": "oct", "k": segment(bytes(32))},
    "private part that is null": {**ED, "d": None},
}


@pytest.mark.parametrize(("member", "algorithm"), ACCEPTED.values(), ids=ACCEPTED)
def test_usable_key_has_algorithm_of_its_type(member: object, algorithm: str) -> None:
    found = read_key_set(key_set(member))
    assert [key.algorithm for key in found.keys] == [algorithm]
    assert (found.exposed, found.ignored) == (0, 0)


@pytest.mark.parametrize("member", IGNORED.values(), ids=IGNORED)
def test_unusable_key_is_ignored(member: object) -> None:
    """Usable keys of the set are still accepted (RFC 7517, section 5)."""
    found = read_key_set(key_set(ED, member, EC))
    assert [key.algorithm for key in found.keys] == ["EdDSA", "ES256"]
    assert (found.exposed, found.ignored) == (0, 1)


@pytest.mark.parametrize("error", [UnsupportedAlgorithm, JWKError, ValueError])
def test_key_that_the_library_rejects_is_ignored(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def construct(pem: bytes, algorithm: str) -> Key:
        if algorithm == "ES256":
            raise error("unsupported")
        return construct_key(pem, algorithm)

    construct_key = jwk.construct
    monkeypatch.setattr(jwk, "construct", construct)
    found = read_key_set(key_set(ED, EC))
    assert [key.algorithm for key in found.keys] == ["EdDSA"]
    assert found.ignored == 1


@pytest.mark.parametrize("number", range(20))
def test_generated_ed25519_key_is_accepted(number: int) -> None:
    """The check of the point rejects no key that a library generates."""
    assert read_key_set(key_set(public_jwk(key_pair("EdDSA", 900 + number)))).ignored == 0


def test_signature_without_private_key_verifies_with_small_order_key() -> None:
    """The reason for the rejection: R = S B is a signature of any message for A = 1."""
    neutral = ed25519.Ed25519PublicKey.from_public_bytes((1).to_bytes(32, "little"))
    base_point = bytes([0x58]) + bytes([0x66]) * 31
    neutral.verify(base_point + (1).to_bytes(32, "little"), b"any message")


@pytest.mark.parametrize("member", EXPOSED.values(), ids=EXPOSED)
def test_key_with_private_members_is_rejected(member: object) -> None:
    found = read_key_set(key_set(ED, member))
    assert [key.algorithm for key in found.keys] == ["EdDSA"]
    assert (found.exposed, found.ignored) == (1, 0)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"{'keys': []}", "it is not JSON"),
        (b"[" * 65_000, "it is not JSON"),
        (b"[]", "it is not a set of JSON Web Keys"),
        (b"{}", "it is not a set of JSON Web Keys"),
        (b'{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}', "it is not a set of JSON Web Keys"),
        (b'{"keys": {"1": {}}}', "it is not a set of JSON Web Keys"),
    ],
)
def test_document_that_is_no_jwk_set_is_rejected(document: bytes, reason: str) -> None:
    with pytest.raises(KeySetError) as error:
        read_key_set(document)
    assert str(error.value) == reason


def test_eddsa_key_of_another_curve_is_rejected() -> None:
    ed = ed25519.Ed25519PrivateKey.generate().public_key()
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    for key, algorithm in ((other, "EdDSA"), (ed, "ES256")):
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(JOSEError):
            Ed25519Key(pem, algorithm)
