"""docs/authentication.md: the limits and algorithms that it names are those of the code."""

import pytest

from tests.support.markdown import table
from tests.support.paths import ROOT
from todo_graphql.server.auth.jwk_set import MAX_RSA_BITS, MIN_RSA_BITS
from todo_graphql.server.auth.keys import PublicKeys, Secrets
from todo_graphql.server.auth.tokens import MAX_CLOCK_SKEW_SECONDS, MAX_TOKEN_LENGTH

AUTHENTICATION = (ROOT / "docs/authentication.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "sentence",
    [
        f"at most {MAX_TOKEN_LENGTH:,} characters",
        f"at most {MAX_CLOCK_SKEW_SECONDS} seconds in the future",
        f"{MIN_RSA_BITS} to {MAX_RSA_BITS} bits",
    ],
)
def test_limit_is_that_of_the_code(sentence: str) -> None:
    assert sentence in AUTHENTICATION


def test_algorithms_are_those_of_the_code() -> None:
    (row,) = (line for line in AUTHENTICATION.splitlines() if line.startswith("| Algorithm "))
    _, _, shared, pairs, _ = row.split("|")
    assert shared.strip() == ", ".join(Secrets.algorithms)
    assert [word.split(" (")[0].strip() for word in pairs.split("),")] == [*PublicKeys.algorithms]


def test_checked_claims_have_a_rule() -> None:
    rules = "\n".join(table(AUTHENTICATION, "part"))
    for name in ("alg", "kid", "typ", "crit", "sub", "exp", "nbf", "iat", "iss", "aud", "email"):
        assert f"`{name}`" in rules
