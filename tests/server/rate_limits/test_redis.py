"""Redis may go and come, and stand still: nothing fails because of it."""

import socket
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.redis import KINDS, PASSWORD, redis
from tests.support.servers import serving
from todo_graphql.doctor.findings import ADVICE, GOOD
from todo_graphql.doctor.services import examine_rate_limit_storage
from todo_graphql.server.rate_limits import sliding_window
from todo_graphql.settings.settings import Settings

GONE = "does not answer"
BACK = "answers again"
STATE = "{ rateLimit { remaining cost } }"


def counting_at(settings: Settings, url: SecretStr, **given: object) -> Settings:
    rate = {"rate_limit": "1000/day", "rate_limit_storage_url": url}
    return settings.model_copy(update=rate | given)


class Log:
    """What was logged so far, as an operator reads it."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def __str__(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text

    def count(self, what: str) -> int:
        """How often this is there."""
        return str(self).count(what)


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    return Log(capsys)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_and_started_again(
    settings: Settings,
    kind: str,
    tmp_path: Path,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each is told once, and nothing of the password is."""
    monkeypatch.setattr(sliding_window, "RETRY_AFTER_SECONDS", 0.05)
    monkeypatch.setattr(sliding_window, "TIMEOUT_SECONDS", 20.0)
    with redis(kind, tmp_path) as server:
        own = counting_at(settings, server.url, rate_limit_failures="2/day")
        with serving(own) as base:
            somebody = Person(base, own)
            cost = somebody.ask(STATE)["rateLimit"]["cost"]
            server.kill()
            left = [somebody.ask(STATE)["rateLimit"]["remaining"] for _ in range(3)]
            assert left == [1_000 - cost, 1_000 - 2 * cost, 1_000 - 3 * cost]
            statuses = [httpx.post(f"{base}/graphql").status_code for _ in range(3)]
            assert statuses == [401, 401, 429]
            assert (log.count(GONE), log.count(BACK)) == (1, 0)
            server.start()
            until(lambda: somebody.ask(STATE) and log.count(BACK), "Redis again")
            for _ in range(3):
                somebody.ask(STATE)
    assert (log.count(GONE), log.count(BACK)) == (1, 1)
    assert PASSWORD not in str(log)


def test_standing_still(settings: Settings, log: Log) -> None:
    """One waits for it, and for a while nobody else does."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = SecretStr(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        own = counting_at(settings, url)
        with serving(own) as base:
            somebody = Person(base, own)
            left = [somebody.ask(STATE)["rateLimit"]["remaining"] for _ in range(3)]
            assert left == sorted(left, reverse=True)
            assert httpx.post(f"{base}/graphql").status_code == 401
    assert log.count("(TimeoutError)") == 1


def test_answering_something_else(settings: Settings, url: str) -> None:
    """Such as HTTP."""
    own = counting_at(settings, SecretStr(url.replace("http", "redis")))
    with serving(own) as base:
        assert Person(base, own).ask(STATE)["rateLimit"]["remaining"] < 1_000


@pytest.mark.parametrize("kind", KINDS)
def test_doctor_asks_whether_it_answers(settings: Settings, kind: str, tmp_path: Path) -> None:
    with redis(kind, tmp_path) as server:
        own = counting_at(settings, server.url)
        (there,) = examine_rate_limit_storage(own)
        assert there.mark == GOOD
        server.kill()
        (finding,) = examine_rate_limit_storage(own)
    assert finding.mark == ADVICE
    assert finding.sentence.startswith("RATE_LIMIT_STORAGE_URL does not answer:")
    assert PASSWORD not in finding.sentence


def test_redis_that_has_failed_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, asked = sliding_window.RedisWindow("redis://127.0.0.1:1"), list[int]()

    def fail(*_: object) -> bool:
        asked.append(1)
        raise ConnectionError

    monkeypatch.setattr(shared._storage, "acquire_sliding_window_entry", fail)
    for _ in range(3):
        assert shared.count("someone", sliding_window.Limit(10, 60), 1) is None
    assert len(asked) == 1
    shared.close()
