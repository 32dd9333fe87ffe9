"""The rate limit of users by the cost of shapes, in memory and in Redis."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import limits
import pytest
from pydantic import SecretStr

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.processor_time import stop_clock
from tests.support.redis import KINDS, redis
from tests.support.servers import serving
from todo_graphql.api import processor_time
from todo_graphql.api.schema import REJECTION_COST
from todo_graphql.server.rate_limits import redis as redis_window
from todo_graphql.server.rate_limits.limiter import parse_rate
from todo_graphql.settings.settings import Settings

LIMIT = 1_000
CREATE = 'mutation { createTask(input: {title: "a"}) { task { id } } }'
LIST = "{ tasks(first: 20) { nodes { id title } } }"
STATE = "{ rateLimit { limit remaining resetAt cost } }"


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """Stop the clock of the processor, and raise the timeout of Redis: the machine may be busy."""
    with pytest.MonkeyPatch.context() as patch:
        stop_clock(patch)
        patch.setattr(redis_window, "TIMEOUT_SECONDS", 20.0)
        yield


@pytest.fixture(scope="module", params=["memory", *KINDS])
def storage(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[SecretStr | None]:
    """The URL of the storage, or None for the memory of the process."""
    if request.param == "memory":
        yield None
        return
    with redis(request.param, tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(scope="module")
def limited(settings: Settings, storage: SecretStr | None) -> Settings:
    """Settings with a limit per day, so that no cost expires during a test."""
    rate = {"rate_limit": f"{LIMIT}/day", "rate_limit_storage_url": storage}
    return settings.model_copy(update={**rate, "expose_cost": True, "cors_origins": ("http://a",)})


@pytest.fixture(scope="module")
def base(limited: Settings) -> Iterator[str]:
    with serving(limited) as url:
        yield url


@pytest.fixture
def person(base: str, limited: Settings) -> Person:
    return Person(base, limited)


def first_rejection(person: Person) -> httpx.Response:
    """Send operations until one is rejected. Return that response."""
    for _ in range(100):
        response = person.post(LIST)
        if response.status_code == 429:
            return response
    raise AssertionError("No operation was rejected.")


def spend_all(person: Person) -> int:
    """Send operations until one is rejected. Return the remaining budget."""
    return int(first_rejection(person).headers["RateLimit-Remaining"])


def at_server(person: Person, url: str) -> Person:
    """Return the user as a client of another server."""
    other = Person.__new__(Person)
    other.__dict__ = {**person.__dict__, "_url": url}
    return other


def test_operation_cost_is_deducted_from_budget(person: Person) -> None:
    remaining = LIMIT
    for document in (STATE, LIST, CREATE):
        response = person.post(document)
        remaining -= response.json()["extensions"]["actualCost"]
        assert response.headers["RateLimit-Limit"] == str(LIMIT)
        assert response.headers["RateLimit-Remaining"] == str(remaining)
        assert 0 < int(response.headers["RateLimit-Reset"]) <= 2 * 24 * 3_600


def test_fields_that_are_not_returned_are_charged_back(person: Person) -> None:
    """An empty page costs its statement. The next request has the rest of the budget."""
    page = "{ tasks(first: 100) { nodes { id title } } }"
    pages = [person.post(page) for _ in range(7)]
    assert {str(page.json()["extensions"]) for page in pages} == {
        "{'cost': 302, 'actualCost': 102}"
    }
    left = [int(page.headers["RateLimit-Remaining"]) for page in pages]
    assert left == [LIMIT - 102 * number for number in range(1, 8)]
    assert person.post(page).status_code == 429


def test_rate_limit_field_equals_headers(person: Person) -> None:
    response = person.post(STATE)
    state = response.json()["data"]["rateLimit"]
    assert state["limit"] == LIMIT
    assert state["cost"] == response.json()["extensions"]["cost"]
    assert str(state["remaining"]) == response.headers["RateLimit-Remaining"]
    reset_in = datetime.fromisoformat(state["resetAt"]) - datetime.now(UTC)
    assert abs(reset_in.total_seconds() - int(response.headers["RateLimit-Reset"])) < 30


def test_rate_limited_operation_changes_nothing(person: Person, url: str) -> None:
    left = spend_all(person)
    costly = "mutation {" + "".join(
        f'm{number}: createTask(input: {{title: "a"}}) {{ task {{ id title }} }} '
        for number in range(40)
    )
    response = person.post(costly + "}")
    assert response.status_code == 429
    answer = response.json()
    assert list(answer) == ["errors"]
    (error,) = answer["errors"]
    assert list(error) == ["message", "extensions"]
    assert (error["extensions"]["code"], error["extensions"]["status"]) == ("RATE_LIMITED", 429)
    assert response.headers["Retry-After"] == str(error["extensions"]["retryAfter"])
    assert response.headers["RateLimit-Remaining"] == str(left)
    assert at_server(person, url).revision() == 0


def test_rate_limited_operation_costs_nothing(person: Person) -> None:
    for _ in range(2):  # the document is parsed, and enough remains for it after the lists
        person.ask(STATE)
    left = spend_all(person)
    assert spend_all(person) == left
    answer = person.post(STATE).json()
    assert answer["data"]["rateLimit"]["remaining"] == left - answer["extensions"]["cost"]


def test_users_have_separate_budgets(person: Person, base: str, limited: Settings) -> None:
    spend_all(person)
    answer = Person(base, limited).post(STATE).json()
    assert answer["data"]["rateLimit"]["remaining"] == LIMIT - answer["extensions"]["cost"]


def test_ambiguous_operation_costs_a_refusal(person: Person) -> None:
    response = person.post("query a { __typename } query b { __typename }")
    assert response.status_code == 400
    assert response.headers["RateLimit-Remaining"] == str(LIMIT - REJECTION_COST)


def test_new_document_without_budget_is_not_parsed(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = spend_all(person)
    while left >= REJECTION_COST:
        person.post("{")
        left -= REJECTION_COST
    monkeypatch.setattr("todo_graphql.api.documents.cache.parse", None)
    assert person.refusal("{ __typename }" + " " * 17)["code"] == "RATE_LIMITED"


def test_operation_above_whole_budget_is_too_complex(person: Person) -> None:
    document = "{ tasks(first: 100) { nodes { id title description completed priority dueOn tags"
    refusal = person.refusal(document + " createdAt updatedAt revision } } }")
    assert (refusal["code"], refusal["limit"]) == ("QUERY_TOO_COMPLEX", LIMIT)
    assert refusal["limitName"] == "cost"
    assert person.ask(STATE)["rateLimit"]["remaining"] > LIMIT - 100


def test_invalid_document_costs_a_refusal(person: Person) -> None:
    for document in ("{", "{ nothing }"):
        assert person.post(document).status_code == 400
    state = person.ask(STATE)["rateLimit"]
    assert state["remaining"] == LIMIT - 2 * REJECTION_COST - state["cost"]
    spend_all(person)
    while person.post("{").status_code == 400:
        pass
    assert person.refusal("{")["code"] == "RATE_LIMITED"


def test_database_time_is_deducted_from_budget(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost is deducted when the result is known, even if less remains."""
    monkeypatch.setattr(processor_time, "USUAL_SQL_SECONDS", 0)
    monkeypatch.setattr(processor_time, "COST_PER_SQL_SECOND", 10**9)
    answer = person.post(LIST)
    assert answer.status_code == 200
    assert answer.headers["ratelimit-remaining"] == "0"
    assert person.post(LIST).status_code == 429


def test_request_succeeds_after_retry_after(settings: Settings, storage: SecretStr) -> None:
    rate = {"rate_limit": "200/second", "rate_limit_storage_url": storage}
    fast = settings.model_copy(update=rate)
    with serving(fast) as base:
        person = Person(base, fast)
        time.sleep(int(first_rejection(person).headers["Retry-After"]))
        assert person.post(LIST).status_code == 200


def test_import_cost_is_deducted_from_budget(person: Person, base: str) -> None:
    headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
    body = '[{"title": "a"}]'.ljust(4_000)
    answers = [plain_http.post(f"{base}/import", headers=headers, content=body) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    left = [int(answer.headers["RateLimit-Remaining"]) for answer in answers]
    assert left == [LIMIT - number * 201 for number in (1, 2, 3, 4, 4)]
    assert int(answers[-1].headers["Retry-After"]) > 0
    export = plain_http.get(f"{base}/export", headers=headers)
    assert (export.status_code, list(export.json())) == (429, ["errors"])


def test_export_spends_remaining_budget(person: Person, base: str) -> None:
    headers = {"Authorization": f"Bearer {person.token}"}
    first, second = (plain_http.get(f"{base}/export", headers=headers) for _ in range(2))
    assert (first.status_code, first.headers["RateLimit-Remaining"]) == (200, "0")
    assert (second.status_code, second.headers["RateLimit-Remaining"]) == (429, "0")


def test_rate_limit_headers_are_exposed_to_allowed_origins(person: Person, base: str) -> None:
    headers = {"Authorization": f"Bearer {person.token}", "Origin": "http://a"}
    response = plain_http.post(f"{base}/graphql", json={"query": STATE}, headers=headers)
    exposed = response.headers["Access-Control-Expose-Headers"].lower()
    assert "ratelimit-limit, ratelimit-remaining, ratelimit-reset" in exposed
    assert "retry-after" in exposed


def test_rate_limits_can_be_disabled(settings: Settings) -> None:
    unlimited = settings.model_copy(update={"rate_limit": "none", "rate_limit_failures": "none"})
    with serving(unlimited) as base:
        person = Person(base, unlimited)
        response = person.post(STATE)
        assert response.json()["data"] == {"rateLimit": None}
        assert not [name for name in response.headers if name.startswith("ratelimit")]
        assert plain_http.post(f"{base}/graphql").status_code == 401


@pytest.mark.parametrize("executor", ["projection", "reference"])
def test_rate_limit_field_works_with_each_executor(settings: Settings, executor: str) -> None:
    own = settings.model_copy(update={"executor": executor})
    with serving(own) as base:
        state = Person(base, own).ask(STATE)["rateLimit"]
    assert state["limit"] - state["remaining"] == state["cost"]


@pytest.mark.parametrize("kind", KINDS)
def test_servers_share_counts_in_redis(settings: Settings, kind: str, tmp_path: Path) -> None:
    with redis(kind, tmp_path) as server:
        rate = {"rate_limit": f"{LIMIT}/day", "rate_limit_storage_url": server.url}
        own = settings.model_copy(update=rate)
        with serving(own) as here, serving(own) as there:
            person = Person(here, own)
            person.create_many(*map(str, range(20)))  # a whole page, of which nothing is refunded
            left = spend_all(person)
            response = at_server(person, there).post(LIST)
            assert response.status_code == 429
            assert response.headers["RateLimit-Remaining"] == str(left)


@pytest.mark.parametrize(
    "text", ["1/second", "5/10 seconds", "1000/minute", "5000/10 minutes", "7/2hours", "9/30 days"]
)
def test_rate_notation_is_parsed_as_in_limits(text: str) -> None:
    """Keys in Redis contain the numbers of the limit."""
    item = limits.parse(text)
    assert parse_rate(text) == (item.amount, item.get_expiry())
