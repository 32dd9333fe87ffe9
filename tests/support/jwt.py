"""Tokens made by hand, so that they can be wrong in every way: no JOSE library would make them.

A function named for what is odd about a token makes a `Make`: that token, made when it is
needed, because some are only right or wrong for a moment. All the rest of it is good.
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
"""2100-01-01: an `exp` that is still to come."""

ABSENT = object()
"""In the place of a member's value: there is no such member."""

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

HEADER: Mapping[str, object] = {"alg": "HS256", "typ": "JWT"}
CLAIMS: Mapping[str, object] = {"sub": SUBJECT, "exp": FAR}


@dataclass(frozen=True)
class FromNow:
    """A date so many seconds after the one on which the token is made."""

    seconds: float


def segment(content: str | bytes) -> str:
    """The content in base64url without padding."""
    octets = content if isinstance(content, bytes) else content.encode()
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def json_segment(members: Mapping[str, object]) -> str:
    """The members as JSON, without those that are ABSENT. Python writes NaN, too."""
    there = {
        name: time.time() + value.seconds if isinstance(value, FromNow) else value
        for name, value in members.items()
        if value is not ABSENT
    }
    return segment(json.dumps(there, separators=(",", ":")))


def mac(signing_input: str, secret: str | bytes = SECRET, algorithm: str = "sha256") -> bytes:
    """The signature of HS256, or of another hash."""
    key = secret if isinstance(secret, bytes) else secret.encode()
    return hmac.digest(key, signing_input.encode(), algorithm)


def signed(header: str, claims: str, secret: str | bytes = SECRET) -> str:
    """Two segments, whatever is in them, and their right signature."""
    return f"{header}.{claims}.{segment(mac(f'{header}.{claims}', secret))}"


def good(**claims: object) -> str:
    """A token that is right, but for what the claims say."""
    return signed(json_segment(HEADER), json_segment({**CLAIMS, **claims}))


def of_length(length: int) -> str:
    """A good token that has so many characters, which not every number can be."""
    most = length - len(good(filler=""))
    tokens = (good(filler="x" * n) for n in range(most * 3 // 4 - 4, most))
    return next(token for token in tokens if len(token) == length)


def claims(**members: object) -> Make:
    """These claims instead of, or besides, those of a good token."""
    return partial(good, **members)


def header(**members: object) -> Make:
    """These header members instead of, or besides, those of a good token."""
    return lambda: signed(json_segment({**HEADER, **members}), json_segment(CLAIMS))


def claims_text(content: str | bytes) -> Make:
    """Claims that need not be JSON."""
    return lambda: signed(json_segment(HEADER), segment(content))


def header_text(content: str | bytes) -> Make:
    """A header that need not be JSON."""
    return lambda: signed(segment(content), json_segment(CLAIMS))


def secret(key: str | bytes) -> Make:
    """A good token, signed with another secret."""
    return lambda: signed(json_segment(HEADER), json_segment(CLAIMS), key)


def signature(change: Callable[[bytes], bytes]) -> Make:
    """Another signature than the right one."""

    def make() -> str:
        signing_input, _, right = good().rpartition(".")
        return f"{signing_input}.{segment(change(urlsafe_b64decode(right + '=')))}"

    return make


def unsigned(make: Make, instead: bytes = b"") -> Make:
    """The same without its signature, or with bytes that are none."""
    return lambda: f"{make().rpartition('.')[0]}.{segment(instead)}"


def swapped(header: Mapping[str, object], claims: Mapping[str, object]) -> Make:
    """Another header and other claims, under the signature of a good token."""
    right = good().rpartition(".")[2]
    return lambda: f"{json_segment(header)}.{json_segment(claims)}.{right}"


def claim_text(name: str, value: str) -> Make:
    """A claim that json.dumps would write in another way."""
    return claims_text(f'{{"sub":"{SUBJECT}","exp":{FAR},"{name}":{value}}}')


def exp_text(value: str) -> Make:
    """The same for `exp`, which may be there only once."""
    return claims_text(f'{{"sub":"{SUBJECT}","exp":{value}}}')


def text(token: str) -> Make:
    """Any text."""
    return lambda: token


# Each of these writes one segment in another way than base64url has, for the same bytes.
def with_spare_bits(canonical: str) -> str:
    """The last character has bits that mean nothing; one of them is set."""
    last = BASE64URL.index(canonical[-1])
    written = canonical[:-1] + BASE64URL[last + 1]
    assert urlsafe_b64decode(written + "==") == urlsafe_b64decode(canonical + "==")
    return written


def with_padding(canonical: str) -> str:
    """As base64 has it outside of JOSE."""
    return canonical + "=" * (-len(canonical) % 4)


def with_standard_alphabet(canonical: str) -> str:
    """As base64 has it outside of URLs."""
    written = canonical.replace("-", "+").replace("_", "/")
    assert written != canonical
    return written


def with_inside(odd: str) -> Callable[[str], str]:
    """Something in the middle that a lenient reader skips."""
    return lambda canonical: canonical[:4] + odd + canonical[4:]


SPARE_HEADER = segment('{"alg":"HS256" }')
SPARE_CLAIMS = segment(f'{{"sub":"{SUBJECT}","exp":{FAR},"x":"~~~???>>>"}} ')
"""Segments with spare bits, and with characters in which the two alphabets differ."""


def header_written(write: Callable[[str], str]) -> Make:
    """The header in another way, and signed like that."""
    return lambda: signed(write(SPARE_HEADER), SPARE_CLAIMS)


def claims_written(write: Callable[[str], str]) -> Make:
    """The claims in another way, and signed like that."""
    return lambda: signed(SPARE_HEADER, write(SPARE_CLAIMS))


def signature_written(write: Callable[[str], str]) -> Make:
    """The right signature in another way. One number makes it have both alphabets' characters."""

    def make() -> str:
        tokens = (good(jti=number).rpartition(".") for number in range(10_000))
        rest, _, right = next(t for t in tokens if "-" in t[2] and "_" in t[2])
        return f"{rest}.{write(right)}"

    return make
