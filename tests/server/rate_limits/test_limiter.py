"""What users may spend: counted in memory, and in Redis by several servers together."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import limits
import pytest
from pydantic import SecretStr

from tests.support.api_client import Person
from tests.support.redis import KINDS, redis
from tests.support.servers import serving
from todo_graphql.api import context
from todo_graphql.api.schema import COST_OF_A_REFUSAL
from todo_graphql.server.rate_limits import sliding_window
from todo_graphql.server.rate_limits.limiter import parse_rate
from todo_graphql.settings.settings import Settings

LIMIT = 1_000
CREATE = 'mutation { createTask(input: {title: "a"}) { task { id } } }'
LIST = "{ tasks(first: 20) { nodes { id title } } }"
STATE = "{ rateLimit { limit remaining resetAt cost } }"


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """Redis is not given up here because this machine has much to do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sliding_window, "TIMEOUT_SECONDS", 20.0)
        yield


@pytest.fixture(scope="module", params=["memory", *KINDS])
def storage(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[SecretStr | None]:
    """Where it is counted."""
    if request.param == "memory":
        yield None
        return
    with redis(request.param, tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(scope="module")
def limited(settings: Settings, storage: SecretStr | None) -> Settings:
    """A day, so that nothing comes back while a test runs."""
    rate = {"rate_limit": f"{LIMIT}/day", "rate_limit_storage_url": storage}
    return settings.model_copy(update={**rate, "expose_cost": True, "cors_origins": ("http://a",)})


@pytest.fixture(scope="module")
def base(limited: Settings) -> Iterator[str]:
    with serving(limited) as url:
        yield url


@pytest.fixture
def somebody(base: str, limited: Settings) -> Person:
    return Person(base, limited)


def refused(who: Person) -> httpx.Response:
    """Ask until it is refused."""
    for _ in range(100):
        response = who.post(LIST)
        if response.status_code == 429:
            return response
    raise AssertionError("Nothing was refused.")


def spend_all(who: Person) -> int:
    """Ask until it is refused; what is left then."""
    return int(refused(who).headers["RateLimit-Remaining"])


def elsewhere(who: Person, url: str) -> Person:
    """The same person at another server."""
    other = Person.__new__(Person)
    other.__dict__ = {**who.__dict__, "_url": url}
    return other


def test_every_operation_is_taken_from_the_budget(somebody: Person) -> None:
    remaining = LIMIT
    for document in (STATE, LIST, CREATE):
        response = somebody.post(document)
        remaining -= response.json()["extensions"]["cost"]
        assert response.headers["RateLimit-Limit"] == str(LIMIT)
        assert response.headers["RateLimit-Remaining"] == str(remaining)
        assert 0 < int(response.headers["RateLimit-Reset"]) <= 2 * 24 * 3_600


def test_the_schema_says_the_same(somebody: Person) -> None:
    response = somebody.post(STATE)
    state = response.json()["data"]["rateLimit"]
    assert state["limit"] == LIMIT
    assert state["cost"] == response.json()["extensions"]["cost"]
    assert str(state["remaining"]) == response.headers["RateLimit-Remaining"]
    reset_in = datetime.fromisoformat(state["resetAt"]) - datetime.now(UTC)
    assert abs(reset_in.total_seconds() - int(response.headers["RateLimit-Reset"])) < 30


def test_nothing_is_done_of_what_is_refused(somebody: Person, url: str) -> None:
    left = spend_all(somebody)
    costly = "mutation {" + "".join(
        f'm{number}: createTask(input: {{title: "a"}}) {{ task {{ id title }} }} '
        for number in range(40)
    )
    response = somebody.post(costly + "}")
    assert response.status_code == 429
    answer = response.json()
    assert list(answer) == ["errors"]
    (error,) = answer["errors"]
    assert list(error) == ["message", "extensions"]
    assert (error["extensions"]["code"], error["extensions"]["status"]) == ("RATE_LIMITED", 429)
    assert response.headers["Retry-After"] == str(error["extensions"]["retryAfter"])
    assert response.headers["RateLimit-Remaining"] == str(left)
    assert elsewhere(somebody, url).revision() == 0


def test_what_is_refused_costs_nothing(somebody: Person, base: str, limited: Settings) -> None:
    Person(base, limited).ask(STATE)  # so that it is no new document below
    left = spend_all(somebody)
    assert spend_all(somebody) == left
    answer = somebody.post(STATE).json()
    assert answer["data"]["rateLimit"]["remaining"] == left - answer["extensions"]["cost"]


def test_what_others_spend_is_theirs(somebody: Person, base: str, limited: Settings) -> None:
    spend_all(somebody)
    answer = Person(base, limited).post(STATE).json()
    assert answer["data"]["rateLimit"]["remaining"] == LIMIT - answer["extensions"]["cost"]


def test_a_document_that_does_not_say_which_operation_costs_as_much(somebody: Person) -> None:
    response = somebody.post("query a { __typename } query b { __typename }")
    assert response.status_code == 400
    assert response.headers["RateLimit-Remaining"] == str(LIMIT - COST_OF_A_REFUSAL)


def test_a_new_document_of_whoever_has_spent_all_is_not_read(
    somebody: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = spend_all(somebody)
    while left >= COST_OF_A_REFUSAL:
        somebody.post("{")
        left -= COST_OF_A_REFUSAL
    monkeypatch.setattr("todo_graphql.api.documents.cache.parse", None)
    assert somebody.refusal("{ __typename }" + " " * 17)["code"] == "RATE_LIMITED"


def test_what_is_dearer_than_the_whole_budget_is_too_complex(somebody: Person) -> None:
    document = "{ tasks(first: 100) { nodes { id title description completed priority dueOn tags"
    refusal = somebody.refusal(document + " createdAt updatedAt revision } } }")
    assert (refusal["code"], refusal["limit"]) == ("QUERY_TOO_COMPLEX", LIMIT)
    assert refusal["limitName"] == "cost"
    assert somebody.ask(STATE)["rateLimit"]["remaining"] > LIMIT - 100


def test_a_document_that_is_not_executed_costs_as_well(somebody: Person) -> None:
    for document in ("{", "{ nothing }"):
        assert somebody.post(document).status_code == 400
    state = somebody.ask(STATE)["rateLimit"]
    assert state["remaining"] == LIMIT - 2 * COST_OF_A_REFUSAL - state["cost"]
    spend_all(somebody)
    while somebody.post("{").status_code == 400:
        pass
    assert somebody.refusal("{")["code"] == "RATE_LIMITED"


def test_the_time_of_the_database_costs_as_well(
    somebody: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as the budget goes. It is taken when the answer is known, and from the next ones."""
    monkeypatch.setattr(context, "USUAL_SECONDS", 0)
    monkeypatch.setattr(context, "COST_OF_A_SECOND", 10**9)
    answer = somebody.post(LIST)
    assert answer.status_code == 200
    assert answer.headers["ratelimit-remaining"] == "0"
    assert somebody.post(LIST).status_code == 429


def test_it_passes_after_the_time_that_is_said(settings: Settings, storage: SecretStr) -> None:
    rate = {"rate_limit": "200/second", "rate_limit_storage_url": storage}
    fast = settings.model_copy(update=rate)
    with serving(fast) as base:
        somebody = Person(base, fast)
        time.sleep(int(refused(somebody).headers["Retry-After"]))
        assert somebody.post(LIST).status_code == 200


def test_files_are_charged_too(somebody: Person, base: str) -> None:
    headers = {"Authorization": f"Bearer {somebody.token}", "Content-Type": "application/json"}
    body = '[{"title": "a"}]'.ljust(4_000)
    answers = [httpx.post(f"{base}/import", headers=headers, content=body) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    left = [int(answer.headers["RateLimit-Remaining"]) for answer in answers]
    assert left == [LIMIT - number * 201 for number in (1, 2, 3, 4, 4)]
    assert int(answers[-1].headers["Retry-After"]) > 0
    export = httpx.get(f"{base}/export", headers=headers)
    assert (export.status_code, list(export.json())) == (429, ["errors"])


def test_an_export_takes_what_there_is(somebody: Person, base: str) -> None:
    headers = {"Authorization": f"Bearer {somebody.token}"}
    first, second = (httpx.get(f"{base}/export", headers=headers) for _ in range(2))
    assert (first.status_code, first.headers["RateLimit-Remaining"]) == (200, "0")
    assert (second.status_code, second.headers["RateLimit-Remaining"]) == (429, "0")


def test_pages_of_other_origins_can_read_the_headers(somebody: Person, base: str) -> None:
    headers = {"Authorization": f"Bearer {somebody.token}", "Origin": "http://a"}
    response = httpx.post(f"{base}/graphql", json={"query": STATE}, headers=headers)
    exposed = response.headers["Access-Control-Expose-Headers"].lower()
    assert "ratelimit-limit, ratelimit-remaining, ratelimit-reset" in exposed
    assert "retry-after" in exposed


def test_there_may_be_no_limit(settings: Settings) -> None:
    unlimited = settings.model_copy(update={"rate_limit": "none", "rate_limit_failures": "none"})
    with serving(unlimited) as base:
        somebody = Person(base, unlimited)
        response = somebody.post(STATE)
        assert response.json()["data"] == {"rateLimit": None}
        assert not [name for name in response.headers if name.startswith("ratelimit")]
        assert httpx.post(f"{base}/graphql").status_code == 401


@pytest.mark.parametrize("executor", ["projection", "reference"])
def test_both_executors_know_it(settings: Settings, executor: str) -> None:
    own = settings.model_copy(update={"executor": executor})
    with serving(own) as base:
        state = Person(base, own).ask(STATE)["rateLimit"]
    assert state["limit"] - state["remaining"] == state["cost"]


@pytest.mark.parametrize("kind", KINDS)
def test_several_servers_count_together(settings: Settings, kind: str, tmp_path: Path) -> None:
    with redis(kind, tmp_path) as server:
        rate = {"rate_limit": f"{LIMIT}/day", "rate_limit_storage_url": server.url}
        own = settings.model_copy(update=rate)
        with serving(own) as here, serving(own) as there:
            somebody = Person(here, own)
            left = spend_all(somebody)
            response = elsewhere(somebody, there).post(LIST)
            assert response.status_code == 429
            assert response.headers["RateLimit-Remaining"] == str(left)


@pytest.mark.parametrize(
    "text", ["1/second", "5/10 seconds", "1000/minute", "5000/10 minutes", "7/2hours", "9/30 days"]
)
def test_rates_are_those_of_the_library(text: str) -> None:
    """Which counts in Redis, under keys that hold the same numbers."""
    item = limits.parse(text)
    assert parse_rate(text) == (item.amount, item.get_expiry())
