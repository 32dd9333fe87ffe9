"""Too many: slow sockets, and requests."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle

from chaos.clients import Answer, Caller, head_for, request_for, untyped
from chaos.environment import Person
from chaos.readers import ask_for, furnish, p99, read_for
from chaos.report import Check, none, within
from chaos.scene import Scene
from chaos.stalls import ALLOWANCE, CREATE, NEIGHBOURS, PAUSE, TIMEOUT, let_tasks_sleep, slowed

CLOSED = 10.0
"""Seconds until a slow socket is closed."""

MEMORY = 50
"""MiB that the server may take for all of them."""

GOODPUT = 80
"""Per cent of the peak that is left under overload."""

REFUSED = 0.05
"""Seconds until who is too many knows."""

FULL = 503
USERS = 400
"""So many that hardly any two of one user meet: they would wait for each other."""

NAP = "sleep 0.05"
"""The title of a task whose insertion takes 50 ms, in which PostgreSQL rests: a server is full then
because of its pool, and not because clients and PostgreSQL have taken the two cores away.
"""


def slow_sockets(scene: Scene, number: int, seconds: int = 12) -> list[Check]:
    """A third of them send a head byte by byte, a third a body, and a third say nothing."""
    home = scene.home
    with home.serving() as server:
        good = home.people(NEIGHBOURS)
        scene.have(furnish, server.port, good).result()
        scene.have(read_for, server.port, good, 1.0).result()
        before = scene.have(read_for, server.port, good, seconds / 2, PAUSE).result()
        empty, most = server.memory(), 0
        slow = scene.have(be_slow, server.port, home.people(1)[0], number, 2.0 * seconds)
        during = scene.have(read_for, server.port, good, seconds, PAUSE)
        for _ in scene.steps(seconds):
            time.sleep(1)
            most = max(most, server.memory())
        after, closed = during.result(), slow.result()
    grown = (most - empty) / 2**20
    return [
        Check(f"{number:,} sockets are there", f"{len(closed):,}", len(closed) == number),
        within(CLOSED, closed, "each is closed"),
        Check(f"memory ≤ +{MEMORY} MiB", f"{grown:+.1f} MiB", grown <= MEMORY),
        none(sum(one.outcome != "ok" for one in after), "errors of good clients"),
        slowed(before, after, "good clients'"),
    ]


def be_slow(port: int, person: Person, number: int, seconds: float) -> list[float]:
    """How long each socket was open. One that was not closed at all was open that long."""
    head = head_for(person.token, 1_000)
    manners = ((b"", head), (head, b"{" * 1_000), (b"", b""))

    async def everybody() -> list[float]:
        kinds = [manners[place % len(manners)] for place in range(number)]
        return await asyncio.gather(*(dawdle(port, *kind, seconds) for kind in kinds))

    return asyncio.run(everybody())


async def dawdle(port: int, at_once: bytes, slowly: bytes, seconds: float) -> float:
    """One socket: what it sends at once, and then a byte in each second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    opened = time.monotonic()
    writer.write(at_once)
    closed = asyncio.ensure_future(reader.read())
    for place in range(int(seconds)):
        writer.write(slowly[place : place + 1])
        done, _ = await asyncio.wait([closed], timeout=1)
        if done:
            closed.exception()  # it does not matter how it was closed
            break
    closed.cancel()
    writer.close()
    return time.monotonic() - opened


def overload(scene: Scene, seconds: int, times: int = 5) -> list[Check]:
    """First as much as it can do, then so many times as much, whether it answers or not."""
    home = scene.home
    with home.serving() as server:
        let_tasks_sleep(home)
        people = home.people(USERS)
        peak = 0.0
        for crowd in (16, 32, 64):
            asking = scene.have(
                ask_for, server.port, people[:crowd], seconds / 2, CREATE, title=NAP
            )
            answers = asking.result()
            peak = max(peak, goodput(answers, seconds / 2))
        offering = scene.have(offer, server.port, people, times * peak, float(seconds))
        scene.let_pass(seconds)
        answers, late = offering.result()
    refused = [one for one in answers if one.status == FULL and one.seconds < TIMEOUT - 1]
    left, offered = goodput(answers, seconds), len(answers) / seconds
    told = f"{left:.0f}/s of {peak:.0f}/s at the peak, {offered:.0f}/s offered"
    share = 100 * left / peak
    waits = f"{p99(refused) * 1e3:.1f} ms for 99 of 100, of {len(refused):,}"
    return [
        Check(
            f"goodput ≥ {GOODPUT} % of peak",
            f"{share:.0f} %: {told}",
            share >= GOODPUT,
            steady=False,
        ),
        within(REFUSED, [one.seconds for one in refused], "each refusal"),
        Check("99 of 100 refusals", waits, p99(refused) <= REFUSED, steady=False),
        within(TIMEOUT + ALLOWANCE, [one.seconds for one in answers], "every answer"),
        none(untyped(answers), "errors without a code of ours"),
        none(sum(not one.is_answered for one in answers), "requests without an answer"),
        Check(
            "the client keeps up",
            f"{late * 1e3:.0f} ms late for 99 of 100",
            late < REFUSED,
            steady=False,
        ),
    ]


def goodput(answers: Sequence[Answer], seconds: float) -> float:
    """Good answers in a second."""
    return sum(one.outcome == "ok" for one in answers) / seconds


def offer(
    port: int, people: Sequence[Person], rate: float, seconds: float
) -> tuple[list[Answer], float]:
    """So many requests in each second, whether there are answers or not. Also answers how late
    the client itself was with 99 of 100 of them.
    """
    return asyncio.run(Offer(port, people).keep_up(rate, seconds))


class Offer:
    """Connections that are taken when there is something to send, and kept."""

    def __init__(self, port: int, people: Sequence[Person]) -> None:
        self._port = port
        self._idle: list[Caller] = []
        self._answers: list[Answer] = []
        self._late: list[float] = []
        self._requests = self._turns(people)

    def _turns(self, people: Sequence[Person]) -> Iterator[bytes]:
        return cycle([request_for(CREATE, {"title": NAP}, person.token) for person in people])

    async def keep_up(self, rate: float, seconds: float) -> tuple[list[Answer], float]:
        began, number = time.monotonic(), 0
        async with asyncio.TaskGroup() as tasks:
            while (now := time.monotonic()) < began + seconds:
                while number < (now - began) * rate:
                    tasks.create_task(self._send(began + number / rate))
                    number += 1
                await asyncio.sleep(0.002)
        for caller in self._idle:
            caller.hang_up()
        return self._answers, sorted(self._late)[int(len(self._late) * 0.99)]

    async def _send(self, due: float) -> None:
        self._late.append(time.monotonic() - due)
        caller = self._idle.pop() if self._idle else Caller(self._port, "")
        self._answers.append(replace(await caller.send(next(self._requests)), body=b""))
        self._idle.append(caller)
