"""A token issuer with its own key pairs, and a local server that publishes the JWK set."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.jwt import CLAIMS, json_segment, segment
from tests.support.signers import side_by_side

Jwk: TypeAlias = dict[str, object]
PrivateKey: TypeAlias = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

ALGORITHMS = ("EdDSA", "ES256", "RS256")
ALL = dict(zip("123", ALGORITHMS, strict=True))
"""Algorithms by the id of a key."""


@cache
def key_pair(algorithm: str, number: int = 0) -> PrivateKey:
    """Return the key pair of this number. They are cached: RSA keys are slow."""
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def public_jwk(key: PrivateKey, **members: object) -> Jwk:
    """Return the public key as a JWK (RFC 7517) with these additional members."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raw = key.public_key().public_bytes_raw()
        return {"kty": "OKP", "crv": "Ed25519", "x": segment(raw), **members}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
        curve = {256: "P-256", 384: "P-384"}[key.curve.key_size]
        pair = {"x": segment(point.x.to_bytes(size)), "y": segment(point.y.to_bytes(size))}
        return {"kty": "EC", "crv": curve, **pair, **members}
    numbers = key.public_key().public_numbers()
    modulus = segment(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8))
    return {"kty": "RSA", "n": modulus, "e": segment(numbers.e.to_bytes(3)), **members}


def key_set(*keys: object) -> bytes:
    """Return the JWK set as JSON."""
    return json.dumps({"keys": keys}).encode()


def signature(key: PrivateKey, signing_input: bytes) -> bytes:
    """Sign as the algorithm of the key demands (RFC 7518, section 3, and RFC 8037)."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(signing_input)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signing_input, padding.PKCS1v15(), SHA256())
    return side_by_side(key, SHA256(), signing_input)


def token_by(
    key: PrivateKey, header: Mapping[str, object], claims: Mapping[str, object] = CLAIMS
) -> str:
    """Return a token with any header, signed with this key."""
    signing_input = f"{json_segment(header)}.{json_segment(claims)}"
    return f"{signing_input}.{segment(signature(key, signing_input.encode()))}"


@dataclass
class Issuer:
    """The issuer whose server returns these keys. Tests may change them at any time."""

    keys: dict[str, str] = field(default_factory=lambda: {"1": "EdDSA"})
    """Algorithms by the ids of keys. Keys of other ids are other keys."""

    document: bytes | None = None
    """The response body, if it is not the set of these keys."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    url: str = ""
    hold: threading.Event = field(default_factory=threading.Event)
    """The server responds only while this event is set."""

    def content(self) -> bytes:
        if self.document is not None:
            return self.document
        return key_set(*[public_jwk(self.key(k), kid=k, alg=self.keys[k]) for k in self.keys])

    def key(self, kid: str, algorithm: str | None = None) -> PrivateKey:
        return key_pair(algorithm or self.keys[kid], int(kid))

    def token(self, kid: str, algorithm: str = "EdDSA", **claims: object) -> str:
        """Return a token that is valid if this key is published."""
        header = {"alg": algorithm, "typ": "JWT", "kid": kid}
        return token_by(self.key(kid, algorithm), header, {**CLAIMS, **claims})


def handler_for(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    """Return the issuer's request handler, which does not log."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.requests.append(self.path)
            issuer.hold.wait(30)
            content = issuer.content()
            try:
                self.send_response(issuer.status)
                for name, value in issuer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                return  # the client has closed the connection

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - its name there
            pass

    return Handler


@contextmanager
def publishing(issuer: Issuer, port: int = 0) -> Iterator[Issuer]:
    """Run the issuer's server until the end of the block."""
    issuer.hold.set()
    with HTTPServer(("127.0.0.1", port), handler_for(issuer)) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}/api/auth/jwks"
        serve: Callable[[float], None] = server.serve_forever
        thread = threading.Thread(target=serve, args=(0.01,))
        thread.start()
        try:
            yield issuer
        finally:
            issuer.hold.set()
            server.shutdown()
            thread.join()
