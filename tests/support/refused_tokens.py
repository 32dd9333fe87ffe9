"""Invalid tokens, by the message that the client receives."""

import json
import math
import uuid
from collections.abc import Mapping
from hashlib import sha256

from tests.support.jwt import (
    ABSENT,
    CLAIMS,
    FAR,
    HEADER,
    SUBJECT,
    FromNow,
    Make,
    claim_text,
    claims,
    claims_text,
    claims_written,
    good,
    header,
    header_text,
    header_written,
    json_segment,
    mac,
    of_length,
    secret,
    segment,
    signature,
    signature_written,
    signed,
    swapped,
    text,
    unsigned,
    with_inside,
    with_padding,
    with_spare_bits,
    with_standard_alphabet,
)
from tests.support.servers import SECRET
from tests.support.signers import SIGNERS, by, public_pem

ISSUER = "https://issuer.example"
AUDIENCE = "todo-graphql"
STRANGER = str(uuid.UUID(int=1))

GOOD_JSON = json.dumps(dict(CLAIMS))
UTF_8_BOM = "\ufeff"
UNCLOSED = "[" * 2_900
DEEP_LIST = "[" * 1_450 + "]" * 1_450
DEEP_OBJECT = '{"":' * 580 + "0" + "}" * 580
NONES = ("none", "None", "NONE", "nOnE")

# Better Auth signs the tokens in its mails with the same secret and algorithm.
MAILED = {"sub": ABSENT, "email": "someone@example.com", "iat": FromNow(-9), "exp": FromNow(3_600)}

OWN_KEY = b"a key that a token brings along, of many bytes"
JWK = {"kty": "oct", "k": segment(OWN_KEY)}

BADLY_SIGNED = "The token's signature is invalid."
EXPIRED = "The token has expired."
MALFORMED = "The token is malformed."

REFUSED: Mapping[str, Mapping[str, Make]] = {
    "The token has more than 8,192 characters.": {
        "8,193 characters": lambda: of_length(8_193),
        "thousands more": claims(filler="x" * 7_400),
        "long rubbish": text("A" * 9_999),
    },
    "The token is not encoded in base64url.": {
        "rubbish": text("this.is-not.a_token"),
        "not ASCII": text("caf\xe9.caf\xe9.caf\xe9"),
        "a character alone": lambda: good() + "AA",
        "dots": text(".."),
        "empty header": lambda: "." + good().partition(".")[2],
        "empty claims": lambda: "..".join(good().split(".")[::2]),
        "empty signature": unsigned(header()),
        **{f"alg {none} without a signature": unsigned(header(alg=none)) for none in NONES},
        "dot after it": lambda: good() + ".",
        "dot before it": lambda: "." + good(),
        "JWE without an encrypted key": text(segment('{"alg":"dir"}') + "..AAAA.AAAA.AAAA"),
        "spare bits in the header": header_written(with_spare_bits),
        "spare bits in the claims": claims_written(with_spare_bits),
        "spare bits in the signature": signature_written(with_spare_bits),
        "padding of the header": header_written(with_padding),
        "padding of the claims": claims_written(with_padding),
        "padding of the signature": signature_written(with_padding),
        "plus and slash in the claims": claims_written(with_standard_alphabet),
        "plus and slash in the signature": signature_written(with_standard_alphabet),
        "spaces in the header": header_written(with_inside(" " * 4)),
        "spaces in the claims": claims_written(with_inside(" " * 4)),
        "spaces in the signature": signature_written(with_inside(" " * 4)),
        "tabs": claims_written(with_inside("\t" * 4)),
        "JSON instead of base64url": lambda: good().replace(json_segment(CLAIMS), GOOD_JSON),
        "in quotes": lambda: f'"{good()}"',
        "two tokens": lambda: f"{good()}, {good()}",
    },
    "The token is not a JWS in compact serialization.": {
        "one segment": text("AAAA"),
        "session id": lambda: segment(mac("a session")),
        "two segments": lambda: good().rpartition(".")[0],
        "four segments": lambda: good() + ".AAAA",
        "JWE": text(segment('{"alg":"A256KW","enc":"A256GCM"}') + ".AAAA" * 4),
    },
    MALFORMED: {
        "claims not JSON": claims_text("sub=" + SUBJECT),
        "claims without their end": claims_text(GOOD_JSON[:-1]),
        "claims with a comma too many": claims_text(GOOD_JSON[:-1] + ",}"),
        "claims in single quotes": claims_text(GOOD_JSON.replace('"', "'")),
        "claims with more after them": claims_text(GOOD_JSON + "{}"),
        "claims with a line break in a text": claim_text("x", '"\n"'),
        "claims in Latin-1": claims_text('{"x":"\xe9"}'.encode("latin-1")),
        "claims in UTF-16": claims_text(GOOD_JSON.encode("utf-16")),
        "claims with half a pair in UTF-8": claims_text(b'{"x":"\xed\xa0\x80"}'),
        "claims after a byte order mark": claims_text(UTF_8_BOM + GOOD_JSON),
        "claims a list without end": claims_text(UNCLOSED),
        "claims a list without end, unsigned": unsigned(claims_text(UNCLOSED), bytes(32)),
        "header not JSON": header_text("alg=HS256"),
        "header not UTF-8": header_text(b'{"alg":"HS256","x":"\xff"}'),
        "header in UTF-16": header_text('{"alg":"HS256"}'.encode("utf-16")),
        "header after a byte order mark": header_text(UTF_8_BOM + '{"alg":"HS256"}'),
        "header a list without end": header_text(UNCLOSED),
    },
    "The token's header and claims must be JSON objects.": {
        "claims a list": claims_text(f"[{GOOD_JSON}]"),
        "claims a list of pairs": claims_text(f'[["sub","{SUBJECT}"],["exp",{FAR}]]'),
        "claims a string": claims_text(json.dumps(GOOD_JSON)),
        "claims a number": claims_text("1"),
        "claims null": claims_text("null"),
        "claims false": claims_text("false"),
        "header a list": header_text('[{"alg":"HS256"}]'),
        "header a string": header_text('"HS256"'),
        "header null": header_text("null"),
    },
    "The token contains a duplicate member.": {
        "alg twice": header_text('{"alg":"HS256","alg":"HS256"}'),
        "alg none, then HS256": header_text('{"alg":"none","alg":"HS256"}'),
        "alg twice, once escaped": header_text(r'{"\u0061lg":"none","alg":"HS256"}'),
        "nested member of the header twice": header_text('{"alg":"HS256","x":{"y":1,"y":1}}'),
        "sub twice": claim_text("sub", f'"{STRANGER}"'),
        "sub twice, once escaped": claim_text(r"s\u0075b", f'"{STRANGER}"'),
        "exp twice": claim_text("exp", str(FAR)),
        "unknown claim twice": claim_text("x", '1,"x":2'),
        "nested claim twice": claim_text("x", '{"y":{"z":1,"z":1}}'),
        "claim in a list twice": claim_text("x", '[0,{"z":1,"z":1}]'),
    },
    "The token is not valid JSON (NaN).": {
        "exp NaN": claims(exp=math.nan),
        "unknown claim NaN": claims(x=[{"y": math.nan}]),
        "header with NaN": header(x=math.nan),
    },
    "The token is not valid JSON (Infinity).": {"exp Infinity": claims(exp=math.inf)},
    "The token is not valid JSON (-Infinity).": {"nbf -Infinity": claims(nbf=-math.inf)},
    "The token's `alg` must be HS256.": {
        **{f"alg {none}": header(alg=none) for none in NONES},
        **{f"signed with {algorithm}": by(algorithm) for algorithm in SIGNERS},
        "alg missing": header(alg=ABSENT),
        "alg by another name": header(alg=ABSENT, Alg="HS256"),
        "alg null": header(alg=None),
        "alg empty": header(alg=""),
        "alg a number": header(alg=256),
        "alg true": header(alg=True),
        "alg a list": header(alg=["HS256"]),
        "alg an object": header(alg={"HS256": "HS256"}),
        "alg in small letters": header(alg="hs256"),
        "alg with a space after it": header(alg="HS256 "),
        "alg with a space before it": header(alg=" HS256"),
        "alg with NUL": header(alg="HS256\0"),
        "alg by its long name": header(alg="HMAC-SHA256"),
    },
    "The token's `crit` is not supported.": {
        "crit empty": header(crit=[]),
        "crit null": header(crit=None),
        "crit with a known name": header(crit=["alg"]),
        "crit with a claim": header(crit=["exp"], exp=FAR),
        "crit with b64": header(crit=["b64"], b64=False),
        "crit with an unknown name": header(crit=["x"], x=1),
    },
    "The token's `typ` must be JWT or at+jwt.": {
        "typ of an event": header(typ="secevent+jwt"),
        "typ of a logout": header(typ="application/logout+jwt"),
        "typ of a proof": header(typ="dpop+jwt"),
        "typ JOSE": header(typ="JOSE"),
        "typ with a space after it": header(typ="JWT "),
        "typ empty": header(typ=""),
        "typ null": header(typ=None),
        "typ a number": header(typ=1),
        "typ false": header(typ=False),
        "typ a list": header(typ=["JWT"]),
        "typ an object": header(typ={"JWT": "JWT"}),
    },
    BADLY_SIGNED: {
        "another secret": secret("another secret, which is just as long as ours is"),
        "secret and a line break": secret(SECRET + "\n"),
        "secret without its end": secret(SECRET[:-1]),
        "empty secret": secret(""),
        "public key as the secret": secret(public_pem()),
        "key in its own header": lambda: signed(
            json_segment({**HEADER, "jwk": JWK}), json_segment(CLAIMS), OWN_KEY
        ),
        "signature of half the length": signature(lambda right: right[:16]),
        "signature of one byte": signature(lambda right: right[:1]),
        "signature with a byte more": signature(lambda right: right + b"\0"),
        "signature with another first bit": signature(
            lambda right: bytes([right[0] ^ 128]) + right[1:]
        ),
        "signature with another last bit": signature(
            lambda right: right[:-1] + bytes([right[-1] ^ 1])
        ),
        "signature in hex": signature(lambda right: right.hex().encode()),
        "signature of zeros": unsigned(claims(), bytes(32)),
        "hash without a key": unsigned(claims(), sha256(good().encode()).digest()),
        "signature of HS512": unsigned(claims(), mac(good(), algorithm="sha512")),
        "signature of the claims alone": unsigned(claims(), mac(json_segment(CLAIMS))),
        "another's sub": swapped(HEADER, {**CLAIMS, "sub": STRANGER}),
        "later exp": swapped(HEADER, {**CLAIMS, "exp": FAR + 1}),
        "other header": swapped({**HEADER, "kid": "1"}, CLAIMS),
    },
}
