"""The hub: hints wake the streams of their user, from any thread."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from todo_graphql.errors import RateLimited, Unavailable
from todo_graphql.server.live import limits
from todo_graphql.server.live.hub import ALL_USERS, Deliver, Hub, SingleProcess
from todo_graphql.server.live.limits import require_stream_slot
from todo_graphql.server.observability.live_statistics import LiveStatistics
from todo_graphql.server.slots import Slots

TIMEOUT_SECONDS = 30.0


def deadline() -> float:
    return asyncio.get_running_loop().time() + TIMEOUT_SECONDS


def test_hint_of_any_thread_wakes_the_streams_of_its_user() -> None:
    statistics = LiveStatistics()

    async def check() -> None:
        hub = Hub(SingleProcess(), statistics)
        with (
            hub.listening("alice") as first,
            hub.listening("alice") as second,
            hub.listening("mallory") as other,
        ):
            thread = threading.Thread(target=hub.publish, args=("alice",))
            thread.start()
            assert await first.wait(deadline())
            assert await second.wait(deadline())
            thread.join()
            assert not other.is_set
            assert first.clear() is not None
            assert (first.is_set, first.clear(), second.is_set) == (False, None, True)
            assert second.clear() is not None

    asyncio.run(check())
    assert statistics.hints == 2


def test_hints_before_a_read_are_one_flag() -> None:
    async def check() -> None:
        hub = Hub(SingleProcess(), LiveStatistics())
        with hub.listening("alice") as flag:
            for _ in range(1_000):
                hub.publish("alice")
            assert await flag.wait(deadline())
            await asyncio.sleep(0)
            first = flag.hinted_at
            hub.publish("alice")
            await asyncio.sleep(0)
            assert flag.clear() == first
            assert not await flag.wait(asyncio.get_running_loop().time())

    asyncio.run(check())


def test_lost_hints_wake_all_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOST_HINTS_SECONDS", 0.1)

    async def check() -> None:
        hub = Hub(SingleProcess(), LiveStatistics())
        with hub.listening("alice") as first, hub.listening("mallory") as second:
            hub.deliver(ALL_USERS)
            assert await first.wait(deadline())
            assert await second.wait(deadline())

    asyncio.run(check())


def test_hint_without_a_stream_is_ignored() -> None:
    hub = Hub(SingleProcess(), LiveStatistics())
    hub.publish("alice")  # before there is a loop

    async def check() -> None:
        with hub.listening("alice"):
            pass
        hub.publish("alice")

    asyncio.run(check())
    hub.publish("alice")  # behind the end of the loop


class Recorder:
    """A channel that records what is published, and receives one hint."""

    def __init__(self) -> None:
        self.published: list[str] = []

    def publish(self, user: str) -> None:
        self.published.append(user)

    @asynccontextmanager
    async def receiving(self, deliver: Deliver) -> AsyncIterator[None]:
        deliver("alice")
        yield


def test_channel_carries_the_hints_of_other_processes() -> None:
    channel = Recorder()

    async def check() -> None:
        hub = Hub(channel, LiveStatistics())
        with hub.listening("alice") as flag:
            async with hub.receiving():
                assert await flag.wait(deadline())
            hub.publish("mallory")

    asyncio.run(check())
    assert channel.published == ["mallory"]


def test_slots_are_limited_for_each_user_and_in_total(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_USER_STREAMS", 1)
    monkeypatch.setattr(limits, "MAX_STREAMS", 2)
    slots = Slots(require_stream_slot)
    with slots.hold("alice"):
        with pytest.raises(RateLimited), slots.hold("alice"):
            pass
        with slots.hold("bob"):
            assert slots.total == 2
            with pytest.raises(Unavailable), slots.hold("carol"):
                pass
    assert slots.total == 0
    with slots.hold("alice"):
        pass


class Broken(Recorder):
    """A channel that fails."""

    def publish(self, _user: str) -> None:
        raise ZeroDivisionError


def test_failure_of_the_channel_is_logged_and_harmless(caplog: pytest.LogCaptureFixture) -> None:
    Hub(Broken(), LiveStatistics()).publish("alice")
    assert caplog.messages == ["A hint was not sent to other processes."]
