"""Tokens of other algorithms than HS256, each with a valid signature."""

from collections.abc import Callable, Mapping
from functools import cache, partial

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.support.jwt import CLAIMS, HEADER, Make, json_segment, mac, segment


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """Return a generated key, which is cached."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def public_pem() -> str:
    return (
        rsa_key()
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def public_ssh() -> str:
    return rsa_key().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def private_pem() -> str:
    return rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def rs(hash_: hashes.HashAlgorithm, signing_input: bytes) -> bytes:
    """Sign by RS256, RS384 or RS512."""
    return rsa_key().sign(signing_input, padding.PKCS1v15(), hash_)


def ps(hash_: hashes.HashAlgorithm, signing_input: bytes) -> bytes:
    """Sign by PS256, PS384 or PS512."""
    salted = padding.PSS(padding.MGF1(hash_), hash_.digest_size)
    return rsa_key().sign(signing_input, salted, hash_)


def es(curve: ec.EllipticCurve, hash_: hashes.HashAlgorithm, signing_input: bytes) -> bytes:
    """Sign by ES256, ES384 or ES512."""
    return side_by_side(ec.generate_private_key(curve), hash_, signing_input)


def side_by_side(
    key: ec.EllipticCurvePrivateKey, hash_: hashes.HashAlgorithm, signing_input: bytes
) -> bytes:
    """Sign by ECDSA in the format of JOSE: r and s concatenated (RFC 7518, section 3.4)."""
    pair = decode_dss_signature(key.sign(signing_input, ec.ECDSA(hash_)))
    return b"".join(number.to_bytes((key.curve.key_size + 7) // 8) for number in pair)


def hs(algorithm: str, signing_input: bytes) -> bytes:
    """Sign by HS384 or HS512 with the tests' secret."""
    return mac(signing_input.decode(), algorithm=algorithm)


SIGNERS: Mapping[str, Callable[[bytes], bytes]] = {
    "HS384": partial(hs, "sha384"),
    "HS512": partial(hs, "sha512"),
    "RS256": partial(rs, hashes.SHA256()),
    "RS384": partial(rs, hashes.SHA384()),
    "RS512": partial(rs, hashes.SHA512()),
    "PS256": partial(ps, hashes.SHA256()),
    "PS384": partial(ps, hashes.SHA384()),
    "PS512": partial(ps, hashes.SHA512()),
    "ES256": partial(es, ec.SECP256R1(), hashes.SHA256()),
    "ES384": partial(es, ec.SECP384R1(), hashes.SHA384()),
    "ES512": partial(es, ec.SECP521R1(), hashes.SHA512()),
    "EdDSA": lambda signing_input: ed25519.Ed25519PrivateKey.generate().sign(signing_input),
}


def by(algorithm: str) -> Make:
    """Return a maker of valid tokens that are signed by another algorithm."""

    def make() -> str:
        signing_input = f"{json_segment({**HEADER, 'alg': algorithm})}.{json_segment(CLAIMS)}"
        return f"{signing_input}.{segment(SIGNERS[algorithm](signing_input.encode()))}"

    return make
