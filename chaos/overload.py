"""Overload: too many slow sockets, and too many requests."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle

from chaos.clients import (
    Answer,
    Client,
    count_untyped,
    create_tasks,
    execute_repeatedly,
    head_for,
    p99,
    read_repeatedly,
    request_for,
)
from chaos.environment import Environment, User
from chaos.report import Check, check_none, check_within
from chaos.stalls import (
    CREATE,
    PAUSE_SECONDS,
    READERS,
    REQUEST_SECONDS,
    TOLERANCE_SECONDS,
    check_p99,
    install_sleep_trigger,
)

CLOSE_SECONDS = 10.0
"""The limit until a slow socket is closed."""

MAX_GROWTH_MIB = 50
"""The limit of memory for all slow sockets."""

MIN_GOODPUT_PERCENT = 80
"""The minimum goodput under overload, relative to the peak."""

REJECT_SECONDS = 0.05
"""The limit until an excess request is rejected."""

UNAVAILABLE = 503
USERS = 400
"""Enough that requests of one user, which would wait for each other, rarely overlap."""

SLEEP_TITLE = "sleep 0.05"
"""The title of a task whose insertion sleeps 50 ms, so that the pool is the bottleneck."""


def slow_sockets(env: Environment, number: int, seconds: int = 12) -> list[Check]:
    """Open sockets that send a head byte by byte, a body byte by byte, or nothing."""
    deployment = env.deployment
    with deployment.serving() as server:
        good = deployment.new_users(READERS)
        env.submit(create_tasks, server.port, good).result()
        env.submit(read_repeatedly, server.port, good, 1.0).result()
        before = env.submit(read_repeatedly, server.port, good, seconds / 2, PAUSE_SECONDS).result()
        empty, most = server.memory(), 0
        slow = env.submit(
            open_slow_sockets, server.port, deployment.new_users(1)[0], number, 2.0 * seconds
        )
        during = env.submit(read_repeatedly, server.port, good, seconds, PAUSE_SECONDS)
        for _ in env.steps(seconds):
            time.sleep(1)
            most = max(most, server.memory())
        after, closed = during.result(), slow.result()
    grown = (most - empty) / 2**20
    return [
        Check(f"{number:,} sockets are open", f"{len(closed):,}", len(closed) == number),
        check_within(CLOSE_SECONDS, closed, "each is closed"),
        Check(f"memory ≤ +{MAX_GROWTH_MIB} MiB", f"{grown:+.1f} MiB", grown <= MAX_GROWTH_MIB),
        check_none(sum(one.outcome != "ok" for one in after), "errors of good clients"),
        check_p99(before, after, "good clients'"),
    ]


def open_slow_sockets(port: int, user: User, number: int, seconds: float) -> list[float]:
    """Open slow sockets, and return the seconds until the server closed each."""
    head = head_for(user.token, 1_000)
    kinds = ((b"", head), (head, b"{" * 1_000), (b"", b""))

    async def open_all() -> list[float]:
        sockets = [kinds[place % len(kinds)] for place in range(number)]
        return await asyncio.gather(*(hold_slow_socket(port, *kind, seconds) for kind in sockets))

    return asyncio.run(open_all())


async def hold_slow_socket(port: int, at_once: bytes, slowly: bytes, seconds: float) -> float:
    """Send bytes at once, then one byte per second, and return the seconds until the close."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    opened = time.monotonic()
    writer.write(at_once)
    closed = asyncio.ensure_future(reader.read())
    for place in range(int(seconds)):
        writer.write(slowly[place : place + 1])
        done, _ = await asyncio.wait([closed], timeout=1)
        if done:
            closed.exception()  # any kind of close counts
            break
    closed.cancel()
    writer.close()
    return time.monotonic() - opened


def overload(env: Environment, seconds: int, times: int = 5) -> list[Check]:
    """Measure the peak, then send a multiple of that rate, independent of responses."""
    deployment = env.deployment
    with deployment.serving() as server:
        install_sleep_trigger(deployment)
        users = deployment.new_users(USERS)
        peak = max(
            measure_goodput(env, server.port, users[:clients], seconds / 2)
            for clients in (16, 32, 64)
        )
        sending = env.submit(send_at_rate, server.port, users, times * peak, float(seconds))
        env.wait(seconds)
        answers, late = sending.result()
    return [
        check_goodput(answers, seconds, peak),
        *check_rejections(answers),
        check_within(
            REQUEST_SECONDS + TOLERANCE_SECONDS, [one.seconds for one in answers], "every response"
        ),
        check_none(count_untyped(answers), "errors without a documented code"),
        check_none(sum(not one.is_answered for one in answers), "requests without a response"),
        Check(
            "the client sends on time",
            f"{late * 1e3:.0f} ms late (p99)",
            late < REJECT_SECONDS,
            steady=False,
        ),
    ]


def measure_goodput(env: Environment, port: int, users: Sequence[User], seconds: float) -> float:
    """Return the successful responses per second to clients that wait for each response."""
    asking = env.submit(execute_repeatedly, port, users, seconds, CREATE, title=SLEEP_TITLE)
    return goodput(asking.result(), seconds)


def check_goodput(answers: Sequence[Answer], seconds: float, peak: float) -> Check:
    """Check that most of the peak is left during an overload."""
    left, offered = goodput(answers, seconds), len(answers) / seconds
    rates = f"{left:.0f}/s of {peak:.0f}/s at the peak, {offered:.0f}/s offered"
    share = 100 * left / peak
    return Check(
        f"goodput ≥ {MIN_GOODPUT_PERCENT} % of peak",
        f"{share:.0f} %: {rates}",
        share >= MIN_GOODPUT_PERCENT,
        steady=False,
    )


def check_rejections(answers: Sequence[Answer]) -> list[Check]:
    """Check that requests are rejected at once."""
    rejected = [
        one for one in answers if one.status == UNAVAILABLE and one.seconds < REQUEST_SECONDS - 1
    ]
    waits = f"{p99(rejected) * 1e3:.1f} ms (p99) of {len(rejected):,}"
    return [
        check_within(REJECT_SECONDS, [one.seconds for one in rejected], "each rejection"),
        Check("99 % of rejections", waits, p99(rejected) <= REJECT_SECONDS, steady=False),
    ]


def goodput(answers: Sequence[Answer], seconds: float) -> float:
    """Return successful responses per second."""
    return sum(one.outcome == "ok" for one in answers) / seconds


def send_at_rate(
    port: int, users: Sequence[User], rate: float, seconds: float
) -> tuple[list[Answer], float]:
    """Send requests at a fixed rate. Return the outcomes and the p99 of the delay."""
    return asyncio.run(OpenLoopClient(port, users).run(rate, seconds))


class OpenLoopClient:
    """An open-loop load generator, which takes an idle connection for each request."""

    def __init__(self, port: int, users: Sequence[User]) -> None:
        self._port = port
        self._idle: list[Client] = []
        self._answers: list[Answer] = []
        self._late: list[float] = []
        self._requests = self._cycle(users)

    def _cycle(self, users: Sequence[User]) -> Iterator[bytes]:
        return cycle([request_for(CREATE, {"title": SLEEP_TITLE}, user.token) for user in users])

    async def run(self, rate: float, seconds: float) -> tuple[list[Answer], float]:
        began, number = time.monotonic(), 0
        async with asyncio.TaskGroup() as tasks:
            while (now := time.monotonic()) < began + seconds:
                while number < (now - began) * rate:
                    tasks.create_task(self._send(began + number / rate))
                    number += 1
                await asyncio.sleep(0.002)
        for client in self._idle:
            client.close()
        return self._answers, sorted(self._late)[int(len(self._late) * 0.99)]

    async def _send(self, due: float) -> None:
        self._late.append(time.monotonic() - due)
        client = self._idle.pop() if self._idle else Client(self._port, "")
        self._answers.append(replace(await client.send(next(self._requests)), body=b""))
        self._idle.append(client)
