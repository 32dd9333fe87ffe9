"""Requests are charged for the processor time that they take, in memory and in Redis."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.redis import KINDS, redis
from tests.support.servers import serving
from todo_graphql.api.processor_time import COST_OF_HTTP
from todo_graphql.api.schema import REJECTION_COST
from todo_graphql.server.rate_limits import redis as redis_window
from todo_graphql.settings.settings import Settings

LIMIT = 500_000_000
STATE = "{ rateLimit { remaining cost } }"
REPEATS = 4

SIZE = 40_000
REFUSALS: dict[str, Callable[[int], str]] = {
    "a syntax error": lambda number: f"{{ me {{ id }}\n{'#' * SIZE}\n{number}",
    "unknown fields": lambda number: document(f"a{number}x{{}}", 400),
    "too many tokens": lambda number: f"# {number}\n" + document("id", 3_000),
    "too many aliases": lambda number: document(f"a{number}x{{}}: id", 300),
    "an ambiguous operation": lambda number: (
        f"query a {{ me {{ id }} }} query b{number} {{ me {{ id }} }}"
    ),
}


def document(field: str, times: int) -> str:
    """Return a query of these fields, with their numbers."""
    return f"{{ me {{ {' '.join(field.format(number) for number in range(times))} }} }}"


@pytest.fixture(scope="module", params=["memory", *KINDS])
def limited(
    request: pytest.FixtureRequest, settings: Settings, tmp_path_factory: Any
) -> Iterator[Settings]:
    """Settings with a limit per day, so that no cost expires during a test."""
    rate = {"rate_limit": f"{LIMIT}/day"}
    if request.param == "memory":
        yield settings.model_copy(update=rate)
        return
    with (
        pytest.MonkeyPatch.context() as patch,
        redis(request.param, tmp_path_factory.mktemp("redis")) as server,
    ):
        patch.setattr(redis_window, "TIMEOUT_SECONDS", 20.0)
        yield settings.model_copy(update={**rate, "rate_limit_storage_url": server.url})


@pytest.fixture(scope="module")
def base(limited: Settings) -> Iterator[str]:
    with serving(limited) as url:
        yield url


@pytest.fixture
def person(base: str, limited: Settings) -> Person:
    return Person(base, limited)


def remaining(response: httpx.Response) -> int:
    return int(response.headers["RateLimit-Remaining"])


def spent(left: list[int]) -> list[int]:
    """Return the cost of each request, from the remaining budgets before and after it."""
    return [before - after for before, after in pairwise(left)]


@pytest.mark.parametrize("refused", REFUSALS.values(), ids=REFUSALS)
def test_new_invalid_document_costs_its_time(person: Person, refused: Callable[[int], str]) -> None:
    left = [LIMIT]
    for number in range(REPEATS):
        response = person.post(refused(number))
        assert response.status_code == 400
        left.append(remaining(response))
    assert min(spent(left)) > COST_OF_HTTP + REJECTION_COST
    state = person.ask(STATE)["rateLimit"]
    assert state["remaining"] == left[-1] - state["cost"]


def test_body_that_is_not_json_costs_its_time(person: Person, base: str) -> None:
    headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
    left = [LIMIT]
    for _ in range(REPEATS):
        body = json.dumps({"query": ["{"] * 10_000})[:-1]
        response = plain_http.post(f"{base}/graphql", content=body, headers=headers)
        assert response.status_code == 400
        left.append(remaining(response))
    assert min(spent(left)) > COST_OF_HTTP + REJECTION_COST


def test_cheap_operation_costs_more_than_its_shape(person: Person) -> None:
    left = [LIMIT, *(remaining(person.post("{ me { id } }")) for _ in range(REPEATS))]
    assert min(spent(left)) > COST_OF_HTTP
    assert person.ask(STATE)["rateLimit"]["remaining"] < left[-1]


def test_import_costs_its_time(person: Person, base: str) -> None:
    headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
    body = json.dumps([{"title": "a"}])
    created = plain_http.post(f"{base}/import", headers=headers, content=body)
    assert created.status_code == 200
    left = remaining(created)
    state = person.ask(STATE)["rateLimit"]
    assert LIMIT - left > COST_OF_HTTP
    assert state["remaining"] == left - state["cost"]
