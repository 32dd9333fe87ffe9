"""Findings of `doctor` about the channel of hints between processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support.pooler import pooled
from tests.support.redis import redis
from todo_graphql.doctor import live
from todo_graphql.doctor.findings import ADVICE, GOOD, Finding
from todo_graphql.doctor.live import examine_live_url
from todo_graphql.settings.settings import Settings


def finding_of(settings: Settings, url: SecretStr | None) -> Finding:
    (finding,) = examine_live_url(settings.model_copy(update={"live_url": url}))
    return finding


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[SecretStr]:
    with redis("stand-in", tmp_path) as server:
        yield server.url


def test_single_process_needs_no_channel(settings: Settings) -> None:
    assert finding_of(settings, None).mark == GOOD


def test_channel_over_postgresql_carries_hints(settings: Settings) -> None:
    finding = finding_of(settings, settings.required_database_url())
    assert (finding.mark, finding.sentence.split()[:3]) == (GOOD, ["LIVE_URL", "carries", "hints:"])


def test_channel_over_redis_carries_hints(settings: Settings, redis_url: SecretStr) -> None:
    assert finding_of(settings, redis_url).mark == GOOD


def test_pooler_that_loses_messages_is_advised_against(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "ARRIVAL_SECONDS", 0.2)
    with pooled(settings.required_database_url(), by_transaction=True) as url:
        finding = finding_of(settings, url)
    assert finding.mark == ADVICE
    assert "has no LISTEN" in finding.sentence


def test_unavailable_channel_is_advised_against_without_its_url(settings: Settings) -> None:
    finding = finding_of(settings, SecretStr("redis://:swordfish@127.0.0.1:1/0"))
    assert finding.mark == ADVICE
    assert "does not respond" in finding.sentence
    assert "swordfish" not in finding.sentence
