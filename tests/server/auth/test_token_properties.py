"""Properties of token verification, with generated tokens."""

import pytest
from hypothesis import assume, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from tests.support.authenticators import authenticator
from tests.support.jwt import CLAIMS, FAR, HEADER, SUBJECT, good, json_segment, segment, signed
from tests.support.refused_tokens import AUDIENCE, ISSUER
from todo_graphql.errors import InvalidToken

# Threads of earlier tests may use it meanwhile. No strategy here does.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

# Every run has the same examples, so that a failure can be reproduced.
bounded = profile(max_examples=300, derandomize=True, database=None, deadline=None)
AUTHENTICATOR = authenticator()
ANY_TEXT = st.text(st.characters(exclude_categories=()))
TOKEN_TEXT = st.text("AZaz09-_=+/. \n", max_size=60)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inside: st.lists(inside) | st.dictionaries(ANY_TEXT, inside),
    max_leaves=8,
)


@bounded
@given(ANY_TEXT | TOKEN_TEXT)
def test_arbitrary_text_is_rejected(token: str) -> None:
    with pytest.raises(InvalidToken):
        AUTHENTICATOR.viewer_of(token)


@bounded
@given(st.data())
def test_changed_token_is_rejected(data: st.DataObject) -> None:
    token = good()
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(token))] * 2)))
    changed = token[:start] + data.draw(TOKEN_TEXT | ANY_TEXT) + token[end:]
    assume(changed != token)
    with pytest.raises(InvalidToken):
        AUTHENTICATOR.viewer_of(changed)


@bounded
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_signed_arbitrary_bytes_are_rejected(first: bytes, second: bytes) -> None:
    for pair in ((HEADER, second), (first, CLAIMS), (first, second)):
        parts = [segment(p) if isinstance(p, bytes) else json_segment(p) for p in pair]
        with pytest.raises(InvalidToken):
            AUTHENTICATOR.viewer_of(signed(*parts))


def members(**good: object) -> st.SearchStrategy[dict[str, object]]:
    """Generate objects with valid and invalid values for these members, and with others."""
    named = {name: st.just(value) | JSON_VALUES for name, value in good.items()}
    return st.fixed_dictionaries({}, optional={**named, "x": JSON_VALUES})


@bounded
@given(
    members(alg="HS256", typ="JWT"),
    members(sub=SUBJECT, exp=FAR, nbf=0, iat=0, email=None, iss=ISSUER, aud=AUDIENCE),
)
def test_signed_arbitrary_json_is_accepted_only_if_valid(
    header: dict[str, object], claims: dict[str, object]
) -> None:
    token = signed(json_segment(header), json_segment(claims))
    try:
        viewer = AUTHENTICATOR.viewer_of(token)
    except InvalidToken:
        return
    assert (str(viewer.id), viewer.email) == (claims["sub"], claims.get("email"))
    assert header["alg"] == "HS256"
