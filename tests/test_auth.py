"""Who gets in, and who does not: every kind of token that is not a good one, over HTTP."""

import json
import math
import time
import uuid
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import assume, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.servers import SECRET, serving
from tests.tokens import (
    ABSENT,
    CLAIMS,
    FAR,
    HEADER,
    SIGNERS,
    SUBJECT,
    FromNow,
    Make,
    by,
    claim_text,
    claims,
    claims_text,
    claims_written,
    exp_text,
    good,
    header,
    header_text,
    header_written,
    json_segment,
    mac,
    of_length,
    private_pem,
    public_pem,
    public_ssh,
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
from todo_graphql.config import ConfigurationError, Settings
from todo_graphql.errors import InvalidToken
from todo_graphql.server import auth
from todo_graphql.server.auth import CACHED_TOKENS, END_OF_TIME, Authenticator
from todo_graphql.store.database import Viewer

ISSUER = "https://issuer.example"
AUDIENCE = "todo-graphql"
STRANGER = str(uuid.UUID(int=1))

GOOD_JSON = json.dumps(dict(CLAIMS))
UTF_8_BOM = "\ufeff"
UNCLOSED = "[" * 2_900
DEEP_LIST = "[" * 1_450 + "]" * 1_450
DEEP_OBJECT = '{"":' * 580 + "0" + "}" * 580
NONES = ("none", "None", "NONE", "nOnE")

# Better Auth signs what it mails with the same secret and the same algorithm.
MAILED = {"sub": ABSENT, "email": "someone@example.com", "iat": FromNow(-9), "exp": FromNow(3_600)}

OWN_KEY = b"a key that a token brings along, of many bytes"
JWK = {"kty": "oct", "k": segment(OWN_KEY)}

BADLY_SIGNED = "The token's signature is not right."
EXPIRED = "The token has expired."
UNREADABLE = "The token cannot be read."

# By the sentence that the client gets: each is refused for what is wrong with it.
REFUSED: Mapping[str, Mapping[str, Make]] = {
    "The token has more than 4,096 characters.": {
        "4,097 characters": lambda: of_length(4_097),
        "thousands more": claims(filler="x" * 7_400),
        "long rubbish": text("A" * 9_999),
    },
    "The token is not written in base64url.": {
        "rubbish": text("this.is-not.a_token"),
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
    "The token is not a JWS in compact form.": {
        "one segment": text("AAAA"),
        "session id": lambda: segment(mac("a session")),
        "two segments": lambda: good().rpartition(".")[0],
        "four segments": lambda: good() + ".AAAA",
        "JWE": text(segment('{"alg":"A256KW","enc":"A256GCM"}') + ".AAAA" * 4),
    },
    UNREADABLE: {
        "not ASCII": text("caf\xe9.caf\xe9.caf\xe9"),
        "a character alone": lambda: good() + "AA",
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
    "The token does not consist of JSON objects.": {
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
    "The token has a member twice.": {
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
    "The token holds NaN, which is no JSON.": {
        "exp NaN": claims(exp=math.nan),
        "unknown claim NaN": claims(x=[{"y": math.nan}]),
        "header with NaN": header(x=math.nan),
    },
    "The token holds Infinity, which is no JSON.": {"exp Infinity": claims(exp=math.inf)},
    "The token holds -Infinity, which is no JSON.": {"nbf -Infinity": claims(nbf=-math.inf)},
    "The token is not signed with HS256.": {
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
    "The token demands an extension that is not known here.": {
        "crit empty": header(crit=[]),
        "crit null": header(crit=None),
        "crit with a known name": header(crit=["alg"]),
        "crit with a claim": header(crit=["exp"], exp=FAR),
        "crit with b64": header(crit=["b64"], b64=False),
        "crit with an unknown name": header(crit=["x"], x=1),
    },
    "The token is of a type that is not for access.": {
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
    "The token never expires: `exp` is missing.": {
        "exp missing": claims(exp=ABSENT),
        "exp by another name": claims(exp=ABSENT, Exp=FAR),
        "deep objects as the claims": claims_text(DEEP_OBJECT),
    },
    "The token's `exp` is not a number.": {
        "exp null": claims(exp=None),
        "exp a string": claims(exp="9999999999"),
        "exp a date": claims(exp="2100-01-01T00:00:00Z"),
        "exp true": claims(exp=True),
        "exp a list": claims(exp=[FAR]),
        "exp an object": claims(exp={"seconds": FAR}),
    },
    "The token's `exp` is not a date.": {
        "exp too large for a float": exp_text("1e400"),
        "exp of 400 digits": exp_text("9" * 400),
        "exp in milliseconds": claims(exp=FAR * 1_000),
        "exp just after the end of time": claims(exp=END_OF_TIME + 1),
        "exp negative": claims(exp=-1),
        "exp very negative": exp_text("-1e400"),
    },
    EXPIRED: {
        "exp a second ago": claims(exp=FromNow(-1)),
        "exp an hour ago": claims(exp=FromNow(-3_600)),
        "exp zero": claims(exp=0),
        "exp too small for a float": exp_text("1e-400"),
    },
    "The token is from the future, says its `nbf`.": {
        "nbf in 45 seconds": claims(nbf=FromNow(45)),
        "nbf just before exp": claims(nbf=FAR - 1),
    },
    "The token is from the future, says its `iat`.": {
        "iat in 45 seconds": claims(iat=FromNow(45)),
        "iat after exp": claims(iat=FAR + 1),
    },
    "The token's `nbf` is not a number.": {
        "nbf null": claims(nbf=None),
        "nbf a string": claims(nbf="0"),
        "nbf false": claims(nbf=False),
        "nbf a list": claims(nbf=[]),
    },
    "The token's `iat` is not a number.": {
        "iat null": claims(iat=None),
        "iat a string": claims(iat="0"),
        "iat true": claims(iat=True),
        "iat an object": claims(iat={}),
    },
    "The token's `nbf` is not a date.": {
        "nbf negative": claims(nbf=-1),
        "nbf in milliseconds": claims(nbf=1_700_000_000_000),
    },
    "The token's `iat` is not a date.": {
        "iat negative": claims(iat=-0.5),
        "iat too large for a float": claim_text("iat", "1e400"),
    },
    "The token's `sub` is not a UUID.": {
        "sub missing": claims(sub=ABSENT),
        "sub by another name": claims(sub=ABSENT, id=SUBJECT),
        "sub null": claims(sub=None),
        "sub empty": claims(sub=""),
        "sub a number": claims(sub=1),
        "sub the UUID as a number": claims(sub=uuid.UUID(SUBJECT).int),
        "sub true": claims(sub=True),
        "sub a list": claims(sub=[SUBJECT]),
        "sub an object": claims(sub={"id": SUBJECT}),
        "sub an address": claims(sub="someone@example.com"),
        "sub no UUID": claims(sub="k9Zx2mQpL4vR7tYw1nBc8sDf3gHj6aEu"),
        "sub a URN": claims(sub=f"urn:uuid:{SUBJECT}"),
        "sub in braces": claims(sub=f"{{{SUBJECT}}}"),
        "sub without hyphens": claims(sub=SUBJECT.replace("-", "")),
        "sub with a hyphen elsewhere": claims(sub="c0ffee001-234-4abc-8def-00c0ffee0000"),
        "sub with other hyphens": claims(sub=SUBJECT.replace("-", "\u2010")),
        "sub with a line break after it": claims(sub=SUBJECT + "\n"),
        "sub with a space after it": claims(sub=SUBJECT + " "),
        "sub with a space before it": claims(sub=" " + SUBJECT),
        "sub with NUL after it": claims(sub=SUBJECT + "\0"),
        "sub with a digit more": claims(sub=SUBJECT + "0"),
        "sub with a digit less": claims(sub=SUBJECT[:-1]),
        "sub with no digit of 16": claims(sub="g" + SUBJECT[1:]),
        "sub in Arabic digits": claims(sub=SUBJECT.replace("0", "\u0660")),
        "sub in wide digits": claims(sub=SUBJECT.replace("0", "\uff10")),
        "sub with SQL": claims(sub=SUBJECT[:-8] + "' OR 1=1"),
        "mailed to verify an address": claims(**MAILED),
        "mailed to change an address": claims(**MAILED, updateTo="other@example.com"),
        "mailed with a user's id": claims(**MAILED, userId=SUBJECT),
    },
    "The token's `email` is not a text.": {
        "email a number": claims(email=0),
        "email false": claims(email=False),
        "email a list": claims(email=["someone@example.com"]),
        "email an object": claims(email={}),
        "email with NUL": claims(email="some\0one@example.com"),
        "email with the first half of a pair": claims(email="\ud83d@example.com"),
        "email with the second half of a pair": claims(email="\ude00@example.com"),
    },
}


def origin(**changed: object) -> Make:
    """A token from the configured issuer for the configured audience, but for these claims."""
    return claims(**{"iss": ISSUER, "aud": AUDIENCE, **changed})


# By servers with AUTH_ISSUER and AUTH_AUDIENCE, besides all of the above.
REFUSED_BY_ORIGIN: Mapping[str, Mapping[str, Make]] = {
    "The token is from another issuer, or from none.": {
        "neither iss nor aud": claims(),
        "iss missing": origin(iss=ABSENT),
        "iss null": origin(iss=None),
        "iss empty": origin(iss=""),
        "iss another": origin(iss="https://mallory.example"),
        "iss with a slash more": origin(iss=ISSUER + "/"),
        "iss in capitals": origin(iss=ISSUER.upper()),
        "iss a list": origin(iss=[ISSUER]),
        "iss an object": origin(iss={ISSUER: ISSUER}),
        "iss a number": origin(iss=1),
    },
    "The token is for another audience, or for none.": {
        "aud missing": origin(aud=ABSENT),
        "aud null": origin(aud=None),
        "aud empty": origin(aud=""),
        "aud another": origin(aud="mallory"),
        "aud more than ours": origin(aud=f"{AUDIENCE} and more"),
        "aud a part of ours": origin(aud=AUDIENCE[:4]),
        "aud an empty list": origin(aud=[]),
        "aud a list without ours": origin(aud=["mallory", None, 1]),
        "aud a list in a list": origin(aud=[[AUDIENCE]]),
        "aud an object": origin(aud={AUDIENCE: AUDIENCE}),
        "aud a number": origin(aud=1),
    },
}

GOOD: Mapping[str, Make] = {
    "nothing but sub and exp": header(typ=ABSENT),
    "typ JWT": claims(),
    "typ in small letters": header(typ="jwt"),
    "typ at+jwt": header(typ="at+jwt"),
    "typ a media type": header(typ="application/jwt"),
    "typ a media type in capitals": header(typ="APPLICATION/AT+JWT"),
    "unknown header members": header(kid="1", jku="https://mallory.example", b64=False),
    "email": claims(email="someone@example.com"),
    "email null": claims(email=None),
    "email not ASCII": claims(email="jos\xe9\U0001f600@b\xfccher.example"),
    "sub in capitals": claims(sub=SUBJECT.upper()),
    "exp in a minute": claims(exp=FromNow(60)),
    "exp a fraction": claims(exp=FAR + 0.5),
    "exp with an exponent": exp_text("4.1e9"),
    "exp at the end of time": claims(exp=END_OF_TIME),
    "iat 29 seconds ahead": claims(iat=FromNow(29)),
    "nbf 29 seconds ahead": claims(nbf=FromNow(29)),
    "iat and nbf long ago": claims(iat=0, nbf=1_000_000_000.5),
    "iss and aud where none are configured": claims(iss=ISSUER, aud=[AUDIENCE, "another"]),
    "unknown claims": claims(jti=1, at_hash="x", roles=["admin"], x={"y": [None, -1.5, {}]}),
    "JSON with white space": claims_text(json.dumps(dict(CLAIMS), indent=2) + "\n"),
    "JSON with escapes": claims_text(GOOD_JSON.replace("sub", r"s\u0075b")),
    "4,096 characters": lambda: of_length(4_096),
}

GOOD_BY_ORIGIN: Mapping[str, Make] = {
    "aud a string": origin(),
    "aud a list": origin(aud=[AUDIENCE]),
    "aud a list of several": origin(aud=["another", AUDIENCE]),
}

UNSENDABLE: Mapping[str, Make] = {
    "a line break inside": claims_written(with_inside("\n" * 4)),
    "a line break after it": lambda: good() + "\n",
    "line breaks after it": lambda: good() + "\n" * 4,
    "a space before it": lambda: " " + good(),
    "spaces before it": lambda: " " * 4 + good(),
    "NUL inside": claims_written(with_inside("\0" * 4)),
    "NUL after it": lambda: good() + "\0",
    "beyond Latin-1": lambda: good() + "\u20ac",
    "an emoji": text("\U0001f600.\U0001f600.\U0001f600"),
    "wide letters": lambda: good().replace("e", "\uff45"),
    "half a surrogate pair": lambda: good() + "\ud800",
    "nothing": text(""),
}


DEEP: Mapping[str, Make] = {
    "lists in a claim": claim_text("x", DEEP_LIST),
    "objects in a claim": claim_text("x", DEEP_OBJECT),
    "lists in the header": header_text(f'{{"alg":"HS256","x":{DEEP_LIST}}}'),
    "objects in the header": header_text(f'{{"alg":"HS256","x":{DEEP_OBJECT}}}'),
}

OTHER_SCHEMES: Mapping[str, str] = {
    "Basic": "Basic c29tZW9uZTpwYXNzd29yZA==",
    "Token": f"Token {good()}",
    "a scheme that begins alike": f"BearerToken {good()}",
    "no scheme": good(),
    "no token": "Bearer",
    "a tab": f"Bearer\t{good()}",
    "nothing": "",
}


def rows(table: Mapping[str, Mapping[str, Make]]) -> list[Any]:
    """The table for pytest: a sentence and a token in each row."""
    return [
        pytest.param(reason, make, id=name)
        for reason, tokens in table.items()
        for name, make in tokens.items()
    ]


def each(table: Mapping[str, object]) -> list[Any]:
    """One value in each row."""
    return [pytest.param(value, id=name) for name, value in table.items()]


def authenticator(**configured: object) -> Authenticator:
    """One for direct use, without a server around it."""
    secret = {"better_auth_secret": SecretStr(SECRET)}
    return Authenticator(Settings.from_environment(**{**secret, **configured}))


def talking_to(url: str) -> httpx.Client:
    """Gives up an idle connection before uvicorn does, so that the two never cross."""
    return httpx.Client(base_url=url, timeout=30, limits=httpx.Limits(keepalive_expiry=2))


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    """Talks to the server that most tests talk to."""
    with talking_to(url) as client:
        yield client


@pytest.fixture(scope="module")
def strict_client(settings: Settings) -> Iterator[httpx.Client]:
    """Talks to a server that wants its own `iss` and `aud`."""
    origin = {"auth_issuer": ISSUER, "auth_audience": AUDIENCE}
    with serving(settings.model_copy(update=origin)) as url, talking_to(url) as client:
        yield client


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock that tokens are judged by: it stands still, and goes where a test puts it."""
    clock = SimpleNamespace(now=1_900_000_000.0)
    monkeypatch.setattr(auth, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


def ask(client: httpx.Client, *authorizations: str) -> httpx.Response:
    """Ask who one is, with these Authorization headers."""
    headers = [(b"Authorization", value.encode("latin-1")) for value in authorizations]
    return client.post("/graphql", json={"query": "{ me { id email } }"}, headers=headers)


def assert_unauthenticated(response: httpx.Response, message: str, challenge: str) -> None:
    """This refusal, and not a word besides."""
    extensions = {"code": "UNAUTHENTICATED", "status": 401}
    assert response.json() == {"errors": [{"message": message, "extensions": extensions}]}
    assert response.status_code == 401
    assert response.headers.get_list("www-authenticate") == [challenge]


def assert_refused(response: httpx.Response, reason: str, token: str) -> None:
    """As RFC 6750 has it for a bad token. The answer repeats nothing of it."""
    challenge = 'Bearer realm="todo-graphql", error="invalid_token", error_description="{}"'
    assert_unauthenticated(response, reason, challenge.format(reason))
    said = f"{response.headers} {response.text}"
    assert SECRET not in said
    assert not [part for part in (token, *token.split(".")) if len(part) > 8 and part in said]


def assert_missing(response: httpx.Response) -> None:
    """As RFC 6750 has it for no token: without an error code."""
    message = "Send a token: `Authorization: Bearer <token>`."
    assert_unauthenticated(response, message, 'Bearer realm="todo-graphql"')


def assert_good(response: httpx.Response, token: str) -> None:
    """The answer is for whom the token names."""
    content = token.split(".")[1]
    said = json.loads(urlsafe_b64decode(content + "=="))
    me = {"id": SUBJECT, "email": said.get("email")}
    assert (response.json(), response.status_code) == ({"data": {"me": me}}, 200)


@pytest.mark.parametrize(("reason", "make"), rows(REFUSED))
def test_bad_token_is_refused(client: httpx.Client, reason: str, make: Make) -> None:
    token = make()
    assert_refused(ask(client, f"Bearer {token}"), reason, token)


@pytest.mark.parametrize(("reason", "make"), rows(REFUSED_BY_ORIGIN))
def test_token_from_elsewhere_is_refused(
    strict_client: httpx.Client, reason: str, make: Make
) -> None:
    token = make()
    assert_refused(ask(strict_client, f"Bearer {token}"), reason, token)


@pytest.mark.parametrize("make", each(GOOD))
def test_good_token_is_accepted(client: httpx.Client, make: Make) -> None:
    token = make()
    assert_good(ask(client, f"Bearer {token}"), token)


@pytest.mark.parametrize("make", each(GOOD_BY_ORIGIN))
def test_token_from_the_configured_origin_is_accepted(
    strict_client: httpx.Client, make: Make
) -> None:
    token = make()
    assert_good(ask(strict_client, f"Bearer {token}"), token)


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_scheme_has_no_case_and_may_be_followed_by_spaces(
    client: httpx.Client, scheme: str
) -> None:
    token = good()
    assert_good(ask(client, f"{scheme} {token}"), token)


@pytest.mark.parametrize("make", each(DEEP))
def test_deep_nesting_is_read_or_refused(client: httpx.Client, make: Make) -> None:
    """How deep a parser goes is its own business, as long as the server stands."""
    token = make()
    assert len(token) <= auth.MAX_TOKEN_LENGTH
    response = ask(client, f"Bearer {token}")
    if response.status_code == 200:
        assert_good(response, token)
    else:
        assert_refused(response, UNREADABLE, token)


@pytest.mark.parametrize("make", each(DEEP))
def test_deep_nesting_without_a_signature_is_refused(client: httpx.Client, make: Make) -> None:
    token = unsigned(make, bytes(32))()
    response = ask(client, f"Bearer {token}")
    (error,) = response.json()["errors"]
    assert error["message"] in (UNREADABLE, BADLY_SIGNED)
    assert_refused(response, error["message"], token)


def test_missing_token_is_another_refusal(client: httpx.Client) -> None:
    assert_missing(ask(client))


@pytest.mark.parametrize("authorization", each(OTHER_SCHEMES))
def test_other_scheme_is_no_token(client: httpx.Client, authorization: str) -> None:
    assert_missing(ask(client, authorization))


def test_two_tokens_are_none(client: httpx.Client) -> None:
    token, other = good(), good(sub=STRANGER)
    reason = "There is more than one Authorization header."
    assert_refused(ask(client, f"Bearer {token}", f"Bearer {other}"), reason, token)
    assert_refused(ask(client, f"Bearer {token}", f"Bearer {token}"), reason, token)
    assert_refused(ask(client, f"Bearer {token}", "Basic c29tZW9uZQ=="), reason, token)
    assert ask(client, "Basic c29tZW9uZQ==", f"Bearer {token}").status_code == 401


@pytest.mark.parametrize("make", each(UNSENDABLE))
def test_token_that_no_header_carries_is_refused(make: Make) -> None:
    with pytest.raises(InvalidToken):
        authenticator().viewer_of(make())


def test_token_is_good_until_the_moment_of_its_exp(clock: SimpleNamespace) -> None:
    gate = authenticator()
    assert gate.viewer_of(good(exp=clock.now + 0.001)).id == uuid.UUID(SUBJECT)
    with pytest.raises(InvalidToken, match=EXPIRED):
        gate.viewer_of(good(exp=clock.now))


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_clocks_may_differ_by_30_seconds(clock: SimpleNamespace, name: str) -> None:
    gate = authenticator()
    assert gate.viewer_of(good(**{name: clock.now + 30})).id == uuid.UUID(SUBJECT)
    with pytest.raises(InvalidToken, match=f"from the future, says its `{name}`"):
        gate.viewer_of(good(**{name: clock.now + 30.001}))


def test_token_from_the_future_is_good_when_its_time_comes(clock: SimpleNamespace) -> None:
    """A refusal is not remembered."""
    gate, token = authenticator(), good(nbf=clock.now + 60)
    with pytest.raises(InvalidToken):
        gate.viewer_of(token)
    clock.now += 60
    assert gate.viewer_of(token) == Viewer(uuid.UUID(SUBJECT))


def test_known_token_is_refused_once_it_has_expired(client: httpx.Client) -> None:
    token = good(exp=FromNow(2))
    assert_good(ask(client, f"Bearer {token}"), token)
    patience = time.monotonic() + 10
    response = ask(client, f"Bearer {token}")
    while response.status_code == 200 and time.monotonic() < patience:
        time.sleep(0.05)
        response = ask(client, f"Bearer {token}")
    assert_refused(response, EXPIRED, token)


def test_good_token_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, token = authenticator(), good()
    verified: list[str] = []
    monkeypatch.setattr(auth, "check_form", verified.append)
    assert gate.viewer_of(token) == gate.viewer_of(token)
    assert verified == [token]


def test_cache_is_bounded() -> None:
    """And forgets the token that has not been used for longest, which is still a good one."""
    gate = authenticator()
    tokens = [good(jti=number) for number in range(CACHED_TOKENS + 10)]
    viewers = {gate.viewer_of(token) for token in [*tokens, tokens[0]]}
    assert viewers == {Viewer(uuid.UUID(SUBJECT))}
    assert len(gate._known) == CACHED_TOKENS


def test_known_signature_vouches_for_nothing_else() -> None:
    gate = authenticator()
    gate.viewer_of(good())
    another_user = swapped(HEADER, {**CLAIMS, "sub": STRANGER})
    for make in (another_user, swapped({**HEADER, "kid": "1"}, CLAIMS)):
        with pytest.raises(InvalidToken, match=BADLY_SIGNED):
            gate.viewer_of(make())


def test_cached_viewers_are_not_mixed_up() -> None:
    gate = authenticator()
    people = {
        str(uuid.UUID(int=number)): good(sub=str(uuid.UUID(int=number))) for number in range(9)
    }
    for _ in range(2):
        assert [str(gate.viewer_of(token).id) for token in people.values()] == list(people)


@pytest.mark.parametrize(
    "json_secret",
    [
        pytest.param(json.dumps({"keys": [JWK]}), id="key set"),
        pytest.param(json.dumps(JWK), id="key"),
        pytest.param(json.dumps([OWN_KEY.decode()]), id="list"),
        pytest.param(json.dumps({"1": OWN_KEY.decode()}), id="keys by id"),
        pytest.param(json.dumps(OWN_KEY.decode()), id="string"),
        pytest.param("1" * 40, id="number"),
    ],
)
def test_secret_that_happens_to_be_json_is_the_secret(json_secret: str) -> None:
    gate = authenticator(better_auth_secret=SecretStr(json_secret))
    assert gate.viewer_of(secret(json_secret)()) == Viewer(uuid.UUID(SUBJECT))
    with pytest.raises(InvalidToken, match=BADLY_SIGNED):
        gate.viewer_of(secret(OWN_KEY)())


@pytest.mark.parametrize("key", [public_pem, private_pem, public_ssh])
def test_asymmetric_key_is_no_secret(key: Make) -> None:
    """Whoever has the public key could sign."""
    with pytest.raises(ConfigurationError, match="BETTER_AUTH_SECRET is not usable") as refusal:
        authenticator(better_auth_secret=SecretStr(key()))
    assert key()[:40] not in str(refusal.value)


def test_own_tokens_are_good_where_an_origin_is_configured() -> None:
    settings = Settings.from_environment(
        better_auth_secret=SecretStr(SECRET), auth_issuer=ISSUER, auth_audience=AUDIENCE
    )
    viewer = Viewer(uuid.UUID(SUBJECT), "someone@example.com")
    token = auth.sign(settings, {**CLAIMS, "email": viewer.email})
    assert Authenticator(settings).viewer_of(token) == viewer


# The same examples in every run: a failure can be seen again.
bounded = profile(max_examples=300, derandomize=True, database=None, deadline=None)
GATE = authenticator()
ANY_TEXT = st.text(st.characters(exclude_categories=()))
TOKEN_TEXT = st.text("AZaz09-_=+/. \n", max_size=60)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inside: st.lists(inside) | st.dictionaries(ANY_TEXT, inside),
    max_leaves=8,
)


@bounded
@given(ANY_TEXT | TOKEN_TEXT)
def test_any_text_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        GATE.viewer_of(token)


@bounded
@given(st.data())
def test_any_change_of_a_good_token_is_refused(data: st.DataObject) -> None:
    token = good()
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(token))] * 2)))
    changed = token[:start] + data.draw(TOKEN_TEXT | ANY_TEXT) + token[end:]
    assume(changed != token)
    with pytest.raises(InvalidToken):
        GATE.viewer_of(changed)


@bounded
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_signed_bytes_are_refused(first: bytes, second: bytes) -> None:
    for pair in ((HEADER, second), (first, CLAIMS), (first, second)):
        parts = [segment(p) if isinstance(p, bytes) else json_segment(p) for p in pair]
        with pytest.raises(InvalidToken):
            GATE.viewer_of(signed(*parts))


def members(**good: object) -> st.SearchStrategy[dict[str, object]]:
    """Objects with these members, most of them as they should be, and with others."""
    named = {name: st.just(value) | JSON_VALUES for name, value in good.items()}
    return st.fixed_dictionaries({}, optional={**named, "x": JSON_VALUES})


@bounded
@given(
    members(alg="HS256", typ="JWT"),
    members(sub=SUBJECT, exp=FAR, nbf=0, iat=0, email=None, iss=ISSUER, aud=AUDIENCE),
)
def test_any_signed_json_is_a_viewer_or_refused(
    header: dict[str, object], claims: dict[str, object]
) -> None:
    token = signed(json_segment(header), json_segment(claims))
    try:
        viewer = GATE.viewer_of(token)
    except InvalidToken:
        return
    assert (str(viewer.id), viewer.email) == (claims["sub"], claims.get("email"))
    assert header["alg"] == "HS256"
