"""The Authorization header: its scheme, its absence, and duplicates."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.accepted_tokens import OTHER_SCHEMES
from tests.support.admissions import ask, assert_good, assert_missing, assert_refused, talking_to
from tests.support.jwt import good
from tests.support.refused_tokens import STRANGER


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    with talking_to(url) as client:
        yield client


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_bearer_scheme_is_case_insensitive(client: httpx.Client, scheme: str) -> None:
    token = good()
    assert_good(ask(client, f"{scheme} {token}"), token)


def test_missing_token_is_rejected_without_error_code(client: httpx.Client) -> None:
    assert_missing(ask(client))


@pytest.mark.parametrize("authorization", OTHER_SCHEMES.values(), ids=OTHER_SCHEMES)
def test_other_scheme_counts_as_missing_token(client: httpx.Client, authorization: str) -> None:
    assert_missing(ask(client, authorization))


def test_duplicate_authorization_header_is_rejected(client: httpx.Client) -> None:
    token, other = good(), good(sub=STRANGER)
    reason = "There is more than one Authorization header: send exactly one."
    assert_refused(ask(client, f"Bearer {token}", f"Bearer {other}"), reason, token)
    assert_refused(ask(client, f"Bearer {token}", f"Bearer {token}"), reason, token)
    assert_refused(ask(client, f"Bearer {token}", "Basic c29tZW9uZQ=="), reason, token)
    assert ask(client, "Basic c29tZW9uZQ==", f"Bearer {token}").status_code == 401
