"""Valid tokens are accepted and invalid ones rejected, over HTTP."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from tests.support.accepted_tokens import (
    DEEP,
    GOOD,
    GOOD_BY_ORIGIN,
    REFUSED_BY_ORIGIN,
)
from tests.support.admissions import ask, assert_good, assert_refused, talking_to
from tests.support.jwt import FromNow, Make, good, unsigned
from tests.support.refused_claims import REFUSED_CLAIMS
from tests.support.refused_tokens import (
    AUDIENCE,
    BADLY_SIGNED,
    EXPIRED,
    ISSUER,
    MALFORMED,
    REFUSED,
)
from tests.support.servers import serving
from todo_graphql.server.auth import tokens
from todo_graphql.settings.settings import Settings


def rows(table: Mapping[str, Mapping[str, Make]]) -> list[Any]:
    """Return the table as parameters for pytest, with a sentence and a token in each row."""
    return [
        pytest.param(reason, make, id=name)
        for reason, tokens in table.items()
        for name, make in tokens.items()
    ]


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    with talking_to(url) as client:
        yield client


@pytest.fixture(scope="module")
def strict_client(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a server with AUTH_ISSUER and AUTH_AUDIENCE."""
    origin = {"auth_issuer": ISSUER, "auth_audience": AUDIENCE}
    with serving(settings.model_copy(update=origin)) as url, talking_to(url) as client:
        yield client


@pytest.mark.parametrize(("reason", "make"), rows({**REFUSED, **REFUSED_CLAIMS}))
def test_invalid_token_is_rejected(client: httpx.Client, reason: str, make: Make) -> None:
    token = make()
    assert_refused(ask(client, f"Bearer {token}"), reason, token)


@pytest.mark.parametrize(("reason", "make"), rows(REFUSED_BY_ORIGIN))
def test_token_of_another_issuer_or_audience_is_rejected(
    strict_client: httpx.Client, reason: str, make: Make
) -> None:
    token = make()
    assert_refused(ask(strict_client, f"Bearer {token}"), reason, token)


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_valid_token_is_accepted(client: httpx.Client, make: Make) -> None:
    token = make()
    assert_good(ask(client, f"Bearer {token}"), token)


@pytest.mark.parametrize("make", GOOD_BY_ORIGIN.values(), ids=GOOD_BY_ORIGIN)
def test_token_of_configured_issuer_and_audience_is_accepted(
    strict_client: httpx.Client, make: Make
) -> None:
    token = make()
    assert_good(ask(strict_client, f"Bearer {token}"), token)


@pytest.mark.parametrize("make", DEEP.values(), ids=DEEP)
def test_deeply_nested_token_is_accepted_or_rejected(client: httpx.Client, make: Make) -> None:
    """The JSON parser decides how deep it reads. The server survives any depth."""
    token = make()
    assert len(token) <= tokens.MAX_TOKEN_LENGTH
    response = ask(client, f"Bearer {token}")
    if response.status_code == 200:
        assert_good(response, token)
    else:
        assert_refused(response, MALFORMED, token)


@pytest.mark.parametrize("make", DEEP.values(), ids=DEEP)
def test_deeply_nested_token_without_signature_is_rejected(
    client: httpx.Client, make: Make
) -> None:
    token = unsigned(make, bytes(32))()
    response = ask(client, f"Bearer {token}")
    (error,) = response.json()["errors"]
    assert error["message"] in (MALFORMED, BADLY_SIGNED)
    assert_refused(response, error["message"], token)


def test_cached_token_is_rejected_after_its_expiry(client: httpx.Client) -> None:
    token = good(exp=FromNow(2))
    assert_good(ask(client, f"Bearer {token}"), token)
    patience = time.monotonic() + 10
    response = ask(client, f"Bearer {token}")
    while response.status_code == 200 and time.monotonic() < patience:
        time.sleep(0.05)
        response = ask(client, f"Bearer {token}")
    assert_refused(response, EXPIRED, token)
