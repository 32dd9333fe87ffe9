"""Tokens with a valid signature and invalid claims."""

import uuid
from collections.abc import Mapping

from tests.support.jwt import (
    ABSENT,
    FAR,
    SUBJECT,
    FromNow,
    Make,
    claim_text,
    claims,
    claims_text,
    exp_text,
)
from tests.support.refused_tokens import AUDIENCE, DEEP_OBJECT, EXPIRED, ISSUER, MAILED
from todo_graphql.server.auth.claims import MAX_NUMERIC_DATE

# By the message that the client receives.
REFUSED_CLAIMS: Mapping[str, Mapping[str, Make]] = {
    "The token's `exp` is missing: a token must expire.": {
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
    "The token's `exp` is out of range.": {
        "exp too large for a float": exp_text("1e400"),
        "exp of 400 digits": exp_text("9" * 400),
        "exp in milliseconds": claims(exp=FAR * 1_000),
        "exp just above the maximum": claims(exp=MAX_NUMERIC_DATE + 1),
        "exp negative": claims(exp=-1),
        "exp very negative": exp_text("-1e400"),
    },
    EXPIRED: {
        "exp a second ago": claims(exp=FromNow(-1)),
        "exp an hour ago": claims(exp=FromNow(-3_600)),
        "exp zero": claims(exp=0),
        "exp too small for a float": exp_text("1e-400"),
    },
    "The token's `nbf` is in the future.": {
        "nbf in 45 seconds": claims(nbf=FromNow(45)),
        "nbf just before exp": claims(nbf=FAR - 1),
    },
    "The token's `iat` is in the future.": {
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
    "The token's `nbf` is out of range.": {
        "nbf negative": claims(nbf=-1),
        "nbf in milliseconds": claims(nbf=1_700_000_000_000),
    },
    "The token's `iat` is out of range.": {
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
    "The token's `aud` is not a string or a list of strings.": {
        "aud null": claims(aud=None),
        "aud a number": claims(aud=1),
        "aud true": claims(aud=True),
        "aud an object": claims(aud={AUDIENCE: AUDIENCE}),
        "aud an empty list": claims(aud=[]),
        "aud a list of null": claims(aud=[None]),
        "aud a list in a list": claims(aud=[[AUDIENCE]]),
        "aud a list with an object": claims(aud=[AUDIENCE, {}]),
        "aud a list with a number": claims(aud=[1, AUDIENCE]),
        "aud a list with false": claims(aud=[AUDIENCE, False]),
    },
    "The token's `iss` is not a string.": {
        "iss null": claims(iss=None),
        "iss a number": claims(iss=1),
        "iss false": claims(iss=False),
        "iss a list": claims(iss=[ISSUER]),
        "iss an object": claims(iss={ISSUER: ISSUER}),
    },
    "The token's `jti` is not a string.": {
        "jti null": claims(jti=None),
        "jti a number": claims(jti=1),
        "jti true": claims(jti=True),
        "jti a list": claims(jti=["1"]),
        "jti an object": claims(jti={}),
    },
    "The token's `email` is not a valid string.": {
        "email a number": claims(email=0),
        "email false": claims(email=False),
        "email a list": claims(email=["someone@example.com"]),
        "email an object": claims(email={}),
        "email with NUL": claims(email="some\0one@example.com"),
        "email with the first half of a pair": claims(email="\ud83d@example.com"),
        "email with the second half of a pair": claims(email="\ude00@example.com"),
    },
}
