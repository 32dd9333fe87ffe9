"""The load generator: a process that keeps a number of connections busy.

Each connection sends its next request after the response to the one before. It uses raw HTTP/1.1,
because an HTTP library would take processor time from the server.
"""

import asyncio
import gc
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection

from tests.support.http_client import body_of

MARK = b"@@@@@@@@"
"""Eight characters of a request that each sending replaces by a number."""

GRACE_SECONDS = 30
"""The time after the end of a job for its last responses."""


class LoadError(Exception):
    """A response is missing or wrong."""


@dataclass(frozen=True, slots=True)
class Job:
    """Requests that are sent repeatedly on a number of connections."""

    port: int
    requests: Sequence[bytes]
    connections: int
    seconds: float
    at_most: int
    first_mark: int


@dataclass(slots=True)
class Result:
    """The result of a job. Times are in seconds."""

    latencies: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    failures: int = 0
    failure: str = ""


class RequestQueue:
    """The requests of a job, in order, shared by all connections."""

    def __init__(self, job: Job) -> None:
        self._requests = job.requests
        self._marks = count(job.first_mark)
        self._left = job.at_most
        self._deadline = time.perf_counter() + job.seconds
        self._place = 0

    def next(self) -> bytes | None:
        """Return the next request, or None at the end of the job."""
        if self._left <= 0 or time.perf_counter() >= self._deadline:
            return None
        self._left -= 1
        request = self._requests[self._place % len(self._requests)]
        self._place += 1
        return request.replace(MARK, b"%08x" % next(self._marks)) if MARK in request else request


class Client(asyncio.Protocol):
    """An HTTP/1.1 connection that sends requests until the queue is empty."""

    def __init__(self, feed: RequestQueue, result: Result) -> None:
        self._feed = feed
        self._result = result
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        body = body_of(self._buffer)
        if body is None:
            return
        self._result.latencies.append(time.perf_counter() - self._sent_at)
        if not self._buffer.startswith(b"HTTP/1.1 200") or b'"errors"' in body:
            self._result.failures += 1
            self._result.failure = self._buffer[:400].decode(errors="replace")
        self._buffer.clear()
        self._send()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self._result.failures += 1
            self._result.failure = "The server closed a connection."
            self.done.set_result(None)

    def _send(self) -> None:
        assert self._transport is not None
        request = self._feed.next()
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


async def run(job: Job) -> Result:
    """Run a job, which ends in time even if the server hangs."""
    loop = asyncio.get_running_loop()
    result = Result()
    feed = RequestQueue(job)
    began = time.perf_counter()
    pairs = await asyncio.gather(
        *(
            loop.create_connection(lambda: Client(feed, result), "127.0.0.1", job.port)
            for _ in range(job.connections)
        )
    )
    async with asyncio.timeout(job.seconds + GRACE_SECONDS):
        await asyncio.gather(*(client.done for _, client in pairs))
    result.elapsed = time.perf_counter() - began
    return result


def run_jobs(pipe: Connection) -> None:
    """Run jobs until the other end of the pipe is closed."""
    gc.disable()
    while True:
        try:
            job: Job = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            result = asyncio.run(run(job))
        except KeyboardInterrupt:
            return
        except (OSError, TimeoutError) as error:
            result = Result(failures=1, failure=f"{type(error).__name__}: {error}")
        pipe.send(result)


class LoadProcess:
    """The parent's end of the load process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def run(self, job: Job) -> Result:
        """Run a job. Raise LoadError unless every response is a success."""
        self._pipe.send(job)
        if not self._pipe.poll(job.seconds + 2 * GRACE_SECONDS):
            raise LoadError("The load process did not finish in time.")
        result: Result = self._pipe.recv()
        if result.failures:
            raise LoadError(f"{result.failures} responses are wrong, for example: {result.failure}")
        if not result.latencies:
            raise LoadError("There was no response.")
        return result


@contextmanager
def load_process() -> Iterator[LoadProcess]:
    """Run the load process until the end of the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run_jobs, args=(theirs,), name="load", daemon=True)
    process.start()
    theirs.close()
    try:
        yield LoadProcess(ours)
    finally:
        ours.close()
        process.join(2)
        if process.is_alive():
            process.terminate()
            process.join()
