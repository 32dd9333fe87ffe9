"""Hand-made tokens, which can be invalid in ways that no JOSE library produces.

Most functions return a `Make`, which creates the token when it is needed: some tokens are valid or
invalid only for a moment. Such a token deviates from a valid one in one respect.
"""

import hmac
import json
import time
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from tests.support.servers import SECRET

Make = Callable[[], str]

SUBJECT = str(uuid.UUID("c0ffee00-1234-4abc-8def-00c0ffee0000"))
FAR = 4_102_444_800
"""2100-01-01, an `exp` in the future."""

ABSENT = object()
"""The value of a member that is left out."""

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

HEADER: Mapping[str, object] = {"alg": "HS256", "typ": "JWT"}
CLAIMS: Mapping[str, object] = {"sub": SUBJECT, "exp": FAR}


@dataclass(frozen=True)
class FromNow:
    """A NumericDate relative to the creation of the token."""

    seconds: float


def segment(content: str | bytes) -> str:
    """Encode the content in base64url without padding."""
    octets = content if isinstance(content, bytes) else content.encode()
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def json_segment(members: Mapping[str, object]) -> str:
    """Encode the members as JSON, without those that are ABSENT. NaN is allowed."""
    there = {
        name: time.time() + value.seconds if isinstance(value, FromNow) else value
        for name, value in members.items()
        if value is not ABSENT
    }
    return segment(json.dumps(there, separators=(",", ":")))


def mac(signing_input: str, secret: str | bytes = SECRET, algorithm: str = "sha256") -> bytes:
    """Return the HMAC, by default that of HS256."""
    key = secret if isinstance(secret, bytes) else secret.encode()
    return hmac.digest(key, signing_input.encode(), algorithm)


def signed(header: str, claims: str, secret: str | bytes = SECRET) -> str:
    """Return any two segments with their valid signature."""
    return f"{header}.{claims}.{segment(mac(f'{header}.{claims}', secret))}"


def good(**claims: object) -> str:
    """Return a token with a valid signature and these claims."""
    return signed(json_segment(HEADER), json_segment({**CLAIMS, **claims}))


def of_length(length: int) -> str:
    """Return a valid token of this length. Some lengths are impossible."""
    most = length - len(good(filler=""))
    tokens = (good(filler="x" * n) for n in range(most * 3 // 4 - 4, most))
    return next(token for token in tokens if len(token) == length)


def claims(**members: object) -> Make:
    """Add claims to a valid token, or replace them."""
    return partial(good, **members)


def header(**members: object) -> Make:
    """Add header members to a valid token, or replace them."""
    return lambda: signed(json_segment({**HEADER, **members}), json_segment(CLAIMS))


def claims_text(content: str | bytes) -> Make:
    """Replace the claims by any content, which may not be JSON."""
    return lambda: signed(json_segment(HEADER), segment(content))


def header_text(content: str | bytes) -> Make:
    """Replace the header by any content, which may not be JSON."""
    return lambda: signed(segment(content), json_segment(CLAIMS))


def secret(key: str | bytes) -> Make:
    """Sign a valid token with another secret."""
    return lambda: signed(json_segment(HEADER), json_segment(CLAIMS), key)


def signature(change: Callable[[bytes], bytes]) -> Make:
    """Change the signature of a valid token."""

    def make() -> str:
        signing_input, _, right = good().rpartition(".")
        return f"{signing_input}.{segment(change(urlsafe_b64decode(right + '=')))}"

    return make


def unsigned(make: Make, instead: bytes = b"") -> Make:
    """Remove the signature of a token, or replace it by these bytes."""
    return lambda: f"{make().rpartition('.')[0]}.{segment(instead)}"


def swapped(header: Mapping[str, object], claims: Mapping[str, object]) -> Make:
    """Replace header and claims under the signature of a valid token."""
    right = good().rpartition(".")[2]
    return lambda: f"{json_segment(header)}.{json_segment(claims)}.{right}"


def claim_text(name: str, value: str) -> Make:
    """Add a claim in a notation that json.dumps does not produce."""
    return claims_text(f'{{"sub":"{SUBJECT}","exp":{FAR},"{name}":{value}}}')


def exp_text(value: str) -> Make:
    """Replace `exp` by a notation that json.dumps does not produce."""
    return claims_text(f'{{"sub":"{SUBJECT}","exp":{value}}}')


def text(token: str) -> Make:
    """Return this text as the token."""
    return lambda: token


# Each of these functions changes the notation of a segment, but not its bytes.
def with_spare_bits(canonical: str) -> str:
    """Set one of the unused bits of the last character."""
    last = BASE64URL.index(canonical[-1])
    written = canonical[:-1] + BASE64URL[last + 1]
    assert urlsafe_b64decode(written + "==") == urlsafe_b64decode(canonical + "==")
    return written


def with_padding(canonical: str) -> str:
    """Append the padding that JOSE forbids."""
    return canonical + "=" * (-len(canonical) % 4)


def with_standard_alphabet(canonical: str) -> str:
    """Use the alphabet of base64 instead of base64url."""
    written = canonical.replace("-", "+").replace("_", "/")
    assert written != canonical
    return written


def with_inside(odd: str) -> Callable[[str], str]:
    """Insert characters that a lenient decoder skips."""
    return lambda canonical: canonical[:4] + odd + canonical[4:]


SPARE_HEADER = segment('{"alg":"HS256" }')
SPARE_CLAIMS = segment(f'{{"sub":"{SUBJECT}","exp":{FAR},"x":"~~~???>>>"}} ')
"""Segments with unused bits, and with characters in which the two alphabets differ."""


def header_written(write: Callable[[str], str]) -> Make:
    """Sign a token whose header has another notation."""
    return lambda: signed(write(SPARE_HEADER), SPARE_CLAIMS)


def claims_written(write: Callable[[str], str]) -> Make:
    """Sign a token whose claims have another notation."""
    return lambda: signed(SPARE_HEADER, write(SPARE_CLAIMS))


def signature_written(write: Callable[[str], str]) -> Make:
    """Change the notation of a valid signature that contains `-` and `_`."""

    def make() -> str:
        tokens = (good(jti=str(number)).rpartition(".") for number in range(10_000))
        rest, _, right = next(t for t in tokens if "-" in t[2] and "_" in t[2])
        return f"{rest}.{write(right)}"

    return make
