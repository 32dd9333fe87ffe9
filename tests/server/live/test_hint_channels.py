"""Channels of hints between processes: Redis and PostgreSQL."""

import asyncio
import os
import resource
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administering
from tests.support.redis import KINDS, redis
from todo_graphql.server.live import hint_channel
from todo_graphql.server.live.channels import create_bus, create_channel
from todo_graphql.server.live.hint_channel import Bus, BusChannel, Receiver, Sender
from todo_graphql.server.live.hub import ALL_USERS, SingleProcess
from todo_graphql.settings.settings import Settings

PATIENCE = 20
TERMINATE = text(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE query LIKE :query AND pid <> pg_backend_pid()"
)


@pytest.fixture(params=["postgresql", *KINDS])
def live(
    request: pytest.FixtureRequest, settings: Settings, tmp_path: Path
) -> Iterator[tuple[Settings, Callable[[], None], Callable[[], None]]]:
    """Settings with LIVE_URL, and calls that end the connections and that restore the bus."""
    if request.param == "postgresql":
        url = settings.required_database_url()

        def terminate() -> None:
            with administering(url) as admin:
                admin.execute(TERMINATE, {"query": "%todo_graphql_hints%"})

        yield settings.model_copy(update={"live_url": url}), terminate, lambda: None
        return
    with redis(request.param, tmp_path) as server:
        yield settings.model_copy(update={"live_url": server.url}), server.kill, server.start


class Process:
    """A process that publishes hints, and keeps those that it receives."""

    def __init__(self, settings: Settings) -> None:
        channel = create_channel(settings)
        assert isinstance(channel, BusChannel)
        self.channel = channel
        self.received: list[str] = []

    async def until(self, condition: Callable[[], bool], act: Callable[[], None]) -> None:
        """Repeat an act until a condition holds."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                act()
                await asyncio.sleep(0.02)


@asynccontextmanager
async def processes(settings: Settings, number: int = 2) -> AsyncIterator[list[Process]]:
    """Run processes whose channels are connected."""
    async with AsyncExitStack() as stack:
        started = [Process(settings) for _ in range(number)]
        for process in started:
            await stack.enter_async_context(process.channel.receiving(process.received.append))
        for sender in started:
            for receiver in started:
                if receiver is not sender:
                    await connect(sender, receiver)
        yield started


async def connect(sender: Process, receiver: Process) -> None:
    """Wait until hints of one process reach the other."""
    probe = str(uuid.uuid4())
    await sender.until(lambda: probe in receiver.received, lambda: sender.channel.publish(probe))


def test_hint_reaches_the_other_processes_only(live: Any) -> None:
    settings, _, _ = live

    async def run() -> None:
        async with processes(settings, 3) as (one, two, three):
            user = str(uuid.uuid4())
            one.channel.publish(user)
            await one.until(lambda: user in two.received and user in three.received, lambda: None)
            await connect(two, one)  # messages are in order
            assert user not in one.received

    asyncio.run(run())


class RecordingBus:
    """A bus that records the messages that are sent."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.open_receiver = bus.open_receiver
        self.messages: list[str] = []

    def open_sender(self) -> Sender:
        return RecordingSender(self._bus.open_sender(), self.messages)


class RecordingSender:
    """A sender that records its messages."""

    def __init__(self, sender: Sender, messages: list[str]) -> None:
        self._sender = sender
        self._messages = messages
        self.close = sender.close

    def send(self, message: str) -> None:
        self._messages.append(message)
        self._sender.send(message)


def test_many_hints_are_sent_in_few_messages(live: Any) -> None:
    settings, _, _ = live
    users = [str(uuid.uuid4()) for _ in range(450)]
    bus = create_bus(settings)
    assert bus is not None
    recorder = RecordingBus(bus)
    one, two = BusChannel(recorder), Process(settings)

    async def run() -> None:
        for user in users * 2:
            one.publish(user)
        async with two.channel.receiving(two.received.append):
            await two.until(lambda: ALL_USERS in two.received, lambda: None)
            async with one.receiving(lambda _user: None):
                await two.until(lambda: set(users) <= set(two.received), lambda: None)

    asyncio.run(run())
    assert len(two.received) < 2 * len(users)
    assert [len(message.split()) - 1 for message in recorder.messages] == [200, 200, 50]


def test_outage_is_followed_by_hints_again_and_one_to_all(live: Any) -> None:
    settings, end, restore = live

    async def run() -> None:
        async with processes(settings) as (one, two):
            before = two.received.count(ALL_USERS)
            await asyncio.to_thread(end)
            one.channel.publish("lost or not")
            await asyncio.to_thread(restore)
            await connect(one, two)
            await connect(two, one)
            await two.until(lambda: two.received.count(ALL_USERS) > before, lambda: None)

    asyncio.run(run())


def test_hint_that_is_published_on_a_lost_connection_is_sent_on_the_next_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hint_channel, "RECONNECT_SECONDS", 0.1)
    url = settings.required_database_url()
    user = str(uuid.uuid4())

    async def run() -> None:
        async with processes(settings.model_copy(update={"live_url": url})) as (one, two):
            hints_to_all = two.received.count(ALL_USERS)
            with administering(url) as admin:
                assert admin.execute(TERMINATE, {"query": "SELECT pg_notify%"}).all()
            one.channel.publish(user)
            await one.until(lambda: user in two.received, lambda: None)
            assert two.received.count(ALL_USERS) == hints_to_all

    asyncio.run(run())


class HalfBus:
    """A bus that sends, and does not receive. It is unavailable for a sender at first."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.receives = threading.Event()
        self.sends = threading.Event()

    def open_sender(self) -> Sender:
        if not self.sends.is_set():
            raise ConnectionRefusedError
        return self._bus.open_sender()

    def open_receiver(self) -> Receiver:
        if not self.receives.is_set():
            raise ConnectionAbortedError
        return self._bus.open_receiver()


def test_outages_and_recoveries_of_both_directions_are_logged_separately(
    live: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hint_channel, "RECONNECT_SECONDS", 0.05)
    settings, _, _ = live
    bus = create_bus(settings)
    assert bus is not None
    half = HalfBus(bus)
    channel, other = BusChannel(half), Process(settings)

    async def run() -> None:
        async with (
            other.channel.receiving(other.received.append),
            channel.receiving(lambda _user: None),
        ):
            channel.publish("alice")
            await other.until(lambda: len(caplog.messages) == 2, lambda: None)
            assert sorted(caplog.messages) == [
                f"{hint_channel.SEND_OUTAGE}: ConnectionRefusedError.",
                f"{hint_channel.RECEIVE_OUTAGE}: ConnectionAbortedError.",
            ]
            half.sends.set()
            await other.until(lambda: "alice" in other.received, lambda: channel.publish("alice"))
            await other.until(lambda: len(caplog.messages) == 3, lambda: None)
            assert caplog.messages[2] == "Hints are sent to other processes again."
            half.receives.set()
            await other.until(lambda: len(caplog.messages) == 4, lambda: None)
            assert caplog.messages[3] == "Hints of other processes arrive again."

    asyncio.run(run())


class FullSender:
    """A sender that fails once, after so many hints have been published that none has room."""

    def __init__(self, publish: Callable[[], None]) -> None:
        self._publish = publish
        self.failed = threading.Event()

    def send(self, _message: str) -> None:
        if not self.failed.is_set():
            self._publish()
            self.failed.set()
            raise ConnectionResetError

    def close(self) -> None:
        pass


class FullBus:
    """A bus with this sender, and without a receiver."""

    def __init__(self, sender: FullSender) -> None:
        self.open_sender = lambda: sender

    def open_receiver(self) -> Receiver:
        raise ConnectionRefusedError


def test_hints_of_a_failed_message_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hint_channel, "MAX_PENDING_USERS", 10)

    def publish() -> None:
        for number in range(8):
            channel.publish(f"later {number}")

    sender = FullSender(publish)
    channel = BusChannel(FullBus(sender))
    for number in range(8):
        channel.publish(f"earlier {number}")

    async def run() -> None:
        async with channel.receiving(lambda _user: None):
            await asyncio.to_thread(sender.failed.wait, PATIENCE)

    asyncio.run(run())
    for thread in threading.enumerate():
        if thread.name == "hints-out":
            thread.join(PATIENCE)
    pending = channel.take_pending()
    assert len(pending) == 10
    assert len([user for user in pending if user.startswith("later")]) == 8


def test_hints_are_bounded_while_the_bus_is_unavailable(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = SecretStr("redis://127.0.0.1:1/0")
    channel = create_channel(settings.model_copy(update={"live_url": nowhere}))
    assert isinstance(channel, BusChannel)
    monkeypatch.setattr(hint_channel, "MAX_PENDING_USERS", 10)
    for number in range(20):
        channel.publish(str(number))
    assert len(channel.take_pending()) == 10


@contextmanager
def many_descriptors(number: int) -> Iterator[None]:
    """Hold so many descriptors, so that later ones have larger numbers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        if soft != resource.RLIM_INFINITY and soft < 2 * number:
            resource.setrlimit(resource.RLIMIT_NOFILE, (2 * number, hard))
            stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(number):
            stack.callback(os.close, os.dup(0))
        yield


def test_receiver_with_a_large_descriptor_receives_messages(live: Any) -> None:
    bus = create_bus(live[0])
    assert bus is not None
    with (
        many_descriptors(1_024),
        closing(bus.open_receiver()) as receiver,
        closing(bus.open_sender()) as sender,
    ):
        sender.send("hello")
        assert list(receiver.receive(PATIENCE)) == ["hello"]


def test_channel_without_a_bus_is_that_of_one_process(settings: Settings) -> None:
    assert isinstance(create_channel(settings), SingleProcess)


def test_channel_uses_the_redis_of_the_rate_limits(settings: Settings) -> None:
    shared = settings.model_copy(update={"rate_limit_storage_url": SecretStr("redis://x.invalid")})
    assert isinstance(create_channel(shared), BusChannel)
