"""Valid tokens, tokens whose validity depends on `iss` and `aud`, and unsendable tokens."""

import json
from collections.abc import Mapping

from tests.support.jwt import (
    ABSENT,
    CLAIMS,
    FAR,
    SUBJECT,
    FromNow,
    Make,
    claim_text,
    claims,
    claims_text,
    claims_written,
    exp_text,
    good,
    header,
    header_text,
    of_length,
    text,
    with_inside,
)
from tests.support.refused_tokens import AUDIENCE, DEEP_LIST, DEEP_OBJECT, GOOD_JSON, ISSUER
from todo_graphql.server.auth.claims import MAX_NUMERIC_DATE


def origin(**changed: object) -> Make:
    """Return a maker of tokens with the configured `iss` and `aud`, changed by these claims."""
    return claims(**{"iss": ISSUER, "aud": AUDIENCE, **changed})


# Servers with AUTH_ISSUER and AUTH_AUDIENCE reject these in addition to REFUSED.
REFUSED_BY_ORIGIN: Mapping[str, Mapping[str, Make]] = {
    "The token's `iss` is not the expected issuer.": {
        "neither iss nor aud": claims(),
        "iss missing": origin(iss=ABSENT),
        "iss empty": origin(iss=""),
        "iss another": origin(iss="https://mallory.example"),
        "iss with a slash more": origin(iss=ISSUER + "/"),
        "iss in capitals": origin(iss=ISSUER.upper()),
    },
    "The token's `aud` does not include the expected audience.": {
        "aud missing": origin(aud=ABSENT),
        "aud empty": origin(aud=""),
        "aud another": origin(aud="mallory"),
        "aud more than ours": origin(aud=f"{AUDIENCE} and more"),
        "aud a part of ours": origin(aud=AUDIENCE[:4]),
        "aud a list without ours": origin(aud=["mallory", "", "1"]),
    },
    "The token's `iss` is not a string.": {
        "iss null": origin(iss=None),
        "iss a list": origin(iss=[ISSUER]),
        "iss an object": origin(iss={ISSUER: ISSUER}),
        "iss a number": origin(iss=1),
    },
    "The token's `aud` is not a string or a list of strings.": {
        "aud null": origin(aud=None),
        "aud an empty list": origin(aud=[]),
        "aud a list of others": origin(aud=["mallory", None, 1]),
        "aud a list of ours and a number": origin(aud=[AUDIENCE, 1]),
        "aud a list of ours and null": origin(aud=[None, AUDIENCE]),
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
    "exp at the maximum": claims(exp=MAX_NUMERIC_DATE),
    "iat 29 seconds ahead": claims(iat=FromNow(29)),
    "nbf 29 seconds ahead": claims(nbf=FromNow(29)),
    "iat and nbf long ago": claims(iat=0, nbf=1_000_000_000.5),
    "iss and aud where none are configured": claims(iss=ISSUER, aud=[AUDIENCE, "another"]),
    "unknown claims": claims(jti="1", at_hash="x", roles=["admin"], x={"y": [None, -1.5, {}]}),
    "JSON with white space": claims_text(json.dumps(dict(CLAIMS), indent=2) + "\n"),
    "JSON with escapes": claims_text(GOOD_JSON.replace("sub", r"s\u0075b")),
    "8,192 characters": lambda: of_length(8_192),
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
