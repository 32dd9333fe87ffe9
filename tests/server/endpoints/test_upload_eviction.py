"""The clock of an upload, and its eviction while its reader waits or is about to go on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import Request

from todo_graphql.errors import BadUserInput, Unavailable
from todo_graphql.server.endpoints import import_body, upload_budget
from todo_graphql.server.endpoints.import_body import CHARGED_BYTES, receive_body
from todo_graphql.server.endpoints.upload_budget import TOO_SLOW, Upload, UploadBudget
from todo_graphql.server.protocol.limits import MinDataRate

MAX_BYTES = 1_000_000


class Sender:
    """A client that sends the next part of a body when a test says so."""

    def __init__(self) -> None:
        self.parts: asyncio.Queue[Any] = asyncio.Queue()

    def send(self, body: bytes, *, more_body: bool = True) -> None:
        message = {"type": "http.request", "body": body, "more_body": more_body}
        self.parts.put_nowait(message)

    def request(self) -> Request:
        return Request({"type": "http", "method": "POST", "headers": []}, self.parts.get)


async def charge_nothing(_size: int) -> None:
    pass


async def pause() -> None:
    """Let the other tasks run until they wait."""
    for _ in range(10):
        await asyncio.sleep(0)


def run(
    test: Callable[[UploadBudget, Upload, Sender], Awaitable[None]], max_bytes: int = MAX_BYTES
) -> None:
    """Run a test with an upload that has just begun."""

    async def run_with_upload() -> None:
        budget = UploadBudget(max_bytes, 2)
        with budget.upload("slow") as upload:
            await test(budget, upload, Sender())

    asyncio.run(run_with_upload())


def receive(
    budget: UploadBudget,
    upload: Upload,
    sender: Sender,
    charge: Callable[[int], Awaitable[None]] = charge_nothing,
) -> asyncio.Task[None]:
    return asyncio.create_task(receive_body(sender.request(), None, upload, budget, charge))


def test_evicted_upload_ends_although_its_next_part_has_arrived() -> None:
    async def test(budget: UploadBudget, upload: Upload, sender: Sender) -> None:
        receiving = receive(budget, upload, sender)
        sender.send(b"the first part")
        await pause()
        sender.send(b"the second part", more_body=False)  # the reader goes on in the next pass
        upload.evict()
        with pytest.raises(Unavailable, match=TOO_SLOW):
            await receiving
        assert (upload.size, len(upload.chunks), budget.number) == (0, 0, 0)

    run(test)


def test_evicted_upload_accepts_no_data() -> None:
    async def test(budget: UploadBudget, upload: Upload, sender: Sender) -> None:
        upload.evict()
        with pytest.raises(Unavailable, match=TOO_SLOW):
            budget.receive(upload, b"a part")
        with pytest.raises(Unavailable, match=TOO_SLOW):
            await receive(budget, upload, sender)
        assert upload.size == 0

    run(test)


def test_upload_that_waits_before_its_body_is_not_evicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_budget, "MIN_RATED_SECONDS", 0.0)

    async def test(budget: UploadBudget, upload: Upload, _sender: Sender) -> None:
        await asyncio.sleep(0.01)
        with (
            budget.upload("second") as second,
            pytest.raises(Unavailable, match="Too many"),
        ):
            budget.receive(second, b"x" * 11)
        assert not upload.is_evicted

    run(test, max_bytes=10)


def test_wait_for_the_charge_is_not_the_time_of_the_sender(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(import_body, "UPLOAD_RATE", MinDataRate(0.2, 10**9))
    monkeypatch.setattr(upload_budget, "MIN_RATED_SECONDS", 0.2)

    async def test(budget: UploadBudget, upload: Upload, sender: Sender) -> None:
        async def charge(_size: int) -> None:
            await asyncio.sleep(0.3)
            now = asyncio.get_running_loop().time()
            assert upload.bytes_per_second(now) == float("inf")

        sender.send(b"x" * CHARGED_BYTES)
        sender.send(b"x", more_body=False)
        await receive(budget, upload, sender, charge)
        assert upload.is_received

    run(test)


def test_pause_of_the_sender_is_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_body, "UPLOAD_RATE", MinDataRate(0.05, 10**9))

    async def test(budget: UploadBudget, upload: Upload, sender: Sender) -> None:
        sender.send(b"x")
        with pytest.raises(BadUserInput, match="too slow") as failure:
            await receive(budget, upload, sender)
        assert failure.value.status == 408

    run(test)
