"""The metrics that Prometheus fetches."""

import random
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from tests.support import plain_http
from tests.support.administrators import administering
from tests.support.api_client import Person
from tests.support.commands import Service, until
from tests.support.data_files import exported, imported
from tests.support.servers import serving, variables_for
from todo_graphql.settings.settings import Settings


def free_port() -> int:
    """Return a free port below the range of ephemeral ports."""
    while True:
        port = random.randrange(20_000, 30_000)  # noqa: S311 - not a secret
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Scrape:
    """The samples of one scrape, by name and labels."""

    def __init__(self, port: int) -> None:
        self.text = plain_http.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
        self._samples = {
            (sample.name.removeprefix("todo_graphql_"), *sorted(sample.labels.values())): sample
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
        }

    def __getitem__(self, key: str | tuple[str, ...]) -> float:
        name = (key,) if isinstance(key, str) else (key[0], *sorted(key[1:]))
        sample = self._samples.get(name)
        return 0.0 if sample is None else sample.value


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def person(settings: Settings, port: int) -> Iterator[Person]:
    measured = settings.model_copy(update={"metrics_port": port})
    with serving(measured) as url:
        yield Person(url, measured)


def after(port: int, requests: int, path: str = "/graphql") -> Scrape:
    """Return a scrape with this number of requests. The last one may be counted late."""

    def counted() -> Scrape | None:
        scrape = Scrape(port)
        total = sum(scrape["requests_total", path, str(status)] for status in (200, 400, 401, 404))
        return scrape if total == requests else None

    return until(counted, f"{requests} requests to {path}")


def test_requests_errors_and_statements_are_counted(person: Person, port: int) -> None:
    person.create()
    person.post("{ nothing }")
    person.refusal('mutation { completeTask(id: "%s") { task { id } } }' % person.id)
    scrape = after(port, 3)
    assert scrape["requests_total", "/graphql", "200"] == 2
    assert scrape["requests_total", "/graphql", "400"] == 1
    assert scrape["errors_total", "GRAPHQL_VALIDATION_FAILED"] == 1
    assert scrape["errors_total", "NOT_FOUND"] == 1
    assert scrape["request_seconds_count", "/graphql"] == 3
    assert scrape["request_seconds_count", "/import"] == 0
    assert 'request_seconds_count{path="/import"} 0.0' in scrape.text  # present from the start
    assert scrape["statements_total"] == 2
    assert scrape["sql_seconds_count"] == 3
    assert 0 < scrape["sql_seconds_sum"] < scrape["request_seconds_sum", "/graphql"]


def test_cache_lookups_are_counted(person: Person, port: int) -> None:
    for _ in range(3):
        person.titles()
    scrape = after(port, 3)
    for cache in ("documents", "tokens"):
        assert scrape["cache_lookups_total", cache, "miss"] == 1
        assert scrape["cache_lookups_total", cache, "hit"] == 2


def test_connections_and_waiting_operations_are_reported(person: Person, port: int) -> None:
    person.titles()
    scrape = after(port, 1)
    assert 'todo_graphql_errors_total{code="INTERNAL_SERVER_ERROR"} 0.0' in scrape.text
    assert scrape["pool_connections", "busy"] == 0
    assert scrape["pool_connections", "idle"] == 1
    assert scrape["operations_waiting"] == 0
    assert scrape["process_resident_memory_bytes"] > 0


def test_waiting_transfer_is_counted_and_delays_no_other_user(
    settings: Settings, port: int
) -> None:
    """A user with half of the threads waits, and the requests of other users proceed."""
    two = {"database_pool_size": 2, "database_max_overflow": 0, "metrics_port": port}
    own = settings.model_copy(update={**two, "request_timeout": 60.0})
    database = own.required_database_url()
    with (
        serving(own) as url,
        administering(database) as admin,
        ThreadPoolExecutor(2) as others,
    ):
        alice, mallory = Person(url, own), Person(url, own)
        alice.create("there")
        admin.execute(text("BEGIN"))
        admin.execute(text("SELECT FROM users WHERE id = :id FOR UPDATE"), {"id": alice.id})
        bringing = others.submit(imported, alice, '[{"title": "x"}]')
        until(lambda: Scrape(port)["pool_connections", "busy"] == 1, "an import that waits")
        taking = others.submit(exported, alice)
        until(lambda: Scrape(port)["operations_waiting"] == 1, "an export that waits")
        assert exported(mallory) == []
        assert not taking.done()
        admin.execute(text("ROLLBACK"))
        assert bringing.result(30)["created"] == 1
        assert len(taking.result(30)) == 2


def test_unknown_paths_share_one_label(person: Person, port: int) -> None:
    for path in ("nowhere", "elsewhere"):
        plain_http.get(f"{person.url}/{path}", timeout=30)
    scrape = after(port, 2, "other")
    assert "nowhere" not in scrape.text


def test_metrics_contain_no_user_ids(person: Person, port: int) -> None:
    person.post("query Named { me { id } }")
    scrape = after(port, 1)
    assert not [word for word in (person.id, "Named") if word in scrape.text]


def test_metrics_are_not_on_api_port(person: Person) -> None:
    assert plain_http.get(f"{person.url}/metrics", timeout=30).status_code == 404


def test_workers_share_one_port(settings: Settings, port: int, tmp_path: Path) -> None:
    """Counts of a dead worker stay, and its gauges go. Port and files end with the server."""
    given = {**variables_for(settings.required_database_url()), "METRICS_PORT": str(port)}
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with Service(
        "serve", "--workers", "2", folder=tmp_path, TMPDIR=str(temporary), **given
    ) as service:
        until(lambda: Scrape(port)["workers"] == 2, "both workers")
        assert service.output.count(f"Metrics on http://127.0.0.1:{port}/metrics") == 1
        person = Person(service.url, settings)
        for _ in range(10):
            person.titles()
        scrape = after(port, 10)
        assert scrape["worker_deaths_total"] == 0
        assert scrape["request_seconds_count", "/graphql"] == 10
        until(lambda: lookups(port) == 10, "all lookups")
        for number in (1, 2):
            psutil.Process(service.process.pid).children()[0].kill()
            until(partial(has_deaths, port, number), "a death")
            until(lambda: Scrape(port)["workers"] == 2, "a successor")
        assert Scrape(port)["requests_total", "/graphql", "200"] == 10
        assert lookups(port) == 10
        assert Scrape(port)["pool_connections", "idle"] <= 2
        assert len(list(temporary.iterdir())) == 1
    assert list(temporary.iterdir()) == []
    with pytest.raises(httpx.TransportError):
        Scrape(port)


def has_deaths(port: int, number: int) -> bool:
    """Return whether so many workers have died."""
    return Scrape(port)["worker_deaths_total"] == number


def lookups(port: int) -> float:
    """Return the number of lookups in the cache of tokens."""
    scrape = Scrape(port)
    return sum(scrape["cache_lookups_total", "tokens", result] for result in ("hit", "miss"))
