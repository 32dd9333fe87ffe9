"""Outages of Redis: requests succeed, and each process counts alone."""

import socket
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.processor_time import stop_clock
from tests.support.redis import KINDS, PASSWORD, redis
from tests.support.servers import serving
from todo_graphql.doctor.findings import ADVICE, GOOD
from todo_graphql.doctor.services import examine_rate_limit_storage
from todo_graphql.server.rate_limits import redis as redis_window
from todo_graphql.server.rate_limits.sliding_window import Limit
from todo_graphql.settings.settings import Settings

OUTAGE = "does not respond"
RECOVERY = "responds again"
STATE = "{ rateLimit { remaining cost } }"


def with_storage(settings: Settings, url: SecretStr, **given: object) -> Settings:
    rate = {"rate_limit": "1000/day", "rate_limit_storage_url": url}
    return settings.model_copy(update=rate | given)


class Log:
    """The log of this process so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def __str__(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text

    def count(self, words: str) -> int:
        return str(self).count(words)


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_clock(monkeypatch)


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    return Log(capsys)


@pytest.mark.parametrize("kind", KINDS)
def test_redis_restart_is_survived_and_logged_once(
    settings: Settings,
    kind: str,
    tmp_path: Path,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log reports the outage and the recovery once each, without the password."""
    monkeypatch.setattr(redis_window, "RETRY_AFTER_SECONDS", 0.05)
    monkeypatch.setattr(redis_window, "TIMEOUT_SECONDS", 20.0)
    with redis(kind, tmp_path) as server:
        own = with_storage(settings, server.url, rate_limit_failures="2/day")
        with serving(own) as base:
            person = Person(base, own)
            cost = person.ask(STATE)["rateLimit"]["cost"]
            server.kill()
            left = [person.ask(STATE)["rateLimit"]["remaining"] for _ in range(3)]
            assert left == [1_000 - cost, 1_000 - 2 * cost, 1_000 - 3 * cost]
            statuses = [plain_http.post(f"{base}/graphql").status_code for _ in range(3)]
            assert statuses == [401, 401, 429]
            assert (log.count(OUTAGE), log.count(RECOVERY)) == (1, 0)
            server.start()
            until(lambda: person.ask(STATE) and log.count(RECOVERY), "Redis again")
            for _ in range(3):
                person.ask(STATE)
    assert (log.count(OUTAGE), log.count(RECOVERY)) == (1, 1)
    assert PASSWORD not in str(log)


def test_silent_redis_is_asked_once(settings: Settings, log: Log) -> None:
    """One request waits for the timeout. The next ones do not ask Redis."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = SecretStr(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        own = with_storage(settings, url)
        with serving(own) as base:
            person = Person(base, own)
            left = [person.ask(STATE)["rateLimit"]["remaining"] for _ in range(3)]
            assert left == sorted(left, reverse=True)
            assert plain_http.post(f"{base}/graphql").status_code == 401
    assert log.count("(TimeoutError)") == 1


def test_http_server_in_place_of_redis_is_survived(settings: Settings, url: str) -> None:
    own = with_storage(settings, SecretStr(url.replace("http", "redis")))
    with serving(own) as base:
        assert Person(base, own).ask(STATE)["rateLimit"]["remaining"] < 1_000


@pytest.mark.parametrize("kind", KINDS)
def test_doctor_reports_redis_outage(settings: Settings, kind: str, tmp_path: Path) -> None:
    with redis(kind, tmp_path) as server:
        own = with_storage(settings, server.url)
        (there,) = examine_rate_limit_storage(own)
        assert there.mark == GOOD
        server.kill()
        (finding,) = examine_rate_limit_storage(own)
    assert finding.mark == ADVICE
    assert finding.sentence.startswith("RATE_LIMIT_STORAGE_URL does not respond:")
    assert PASSWORD not in finding.sentence


def test_failed_redis_is_skipped_during_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, asked = redis_window.RedisWindow("redis://127.0.0.1:1"), list[int]()

    def fail(*_: object) -> bool:
        asked.append(1)
        raise ConnectionError

    monkeypatch.setattr(shared._storage, "acquire_sliding_window_entry", fail)
    for _ in range(3):
        assert shared.count("someone", Limit(10, 60), 1, 0) is None
    assert len(asked) == 1
    shared.close()
