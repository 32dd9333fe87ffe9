"""Rounds: each workload is asked of one contestant after the other, again and again."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
import psutil

from benchmarks.dataset import World
from benchmarks.load_generator import MARK, Job, Load, LoadError
from benchmarks.targets import Contestant, Server
from benchmarks.workloads import Question, Workload, can, http, questions

CONNECTIONS = (1, 8, 64)
MOST_REQUESTS = 50_000
"""In one measurement: it ends then, however much time is left."""

CHECKED = 32
"""Questions of each kind whose answers are compared in each round: two of each reader."""


class WrongAnswerError(Exception):
    """A contestant did not answer what was asked. Says which in one sentence."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement. Times are in seconds, processor time is that of one request."""

    cpu: float
    postgres_cpu: float
    rate: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Cell:
    """What was measured."""

    contestant: str
    workload: str
    connections: int


@dataclass(slots=True)
class Measurements:
    """All samples of each cell, and the most memory that each contestant was seen with."""

    samples: dict[Cell, list[Sample]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)

    def add(self, cell: Cell, sample: Sample) -> None:
        self.samples.setdefault(cell, []).append(sample)

    def middle(self, contestant: str, workload: str, connections: int) -> Sample | None:
        """The median of each number, or None if there is nothing to be said."""
        samples = self.samples.get(Cell(contestant, workload, connections))
        if not samples:
            return None
        names = Sample.__slots__
        return Sample(**{name: median(getattr(s, name) for s in samples) for name in names})

    def spread(self, contestant: str, workload: str, connections: int) -> float | None:
        """How far the rounds' processor times lie apart, relative to their median. One round says
        nothing of that.
        """
        times = [s.cpu for s in self.samples[Cell(contestant, workload, connections)]]
        middle = median(times)
        return (max(times) - min(times)) / middle if middle and len(times) > 1 else None


class Bench:
    """The servers, the load, and what is known so far."""

    def __init__(self, world: World, load: Load, servers: Sequence[Server]) -> None:
        self._world = world
        self._load = load
        self._servers = servers
        # Titles that are written differ from those of the last run, too.
        self._mark = secrets.randbelow(2**31)
        self.measurements = Measurements()

    def warm_up(self, workload: Workload, seconds: float) -> Iterator[float]:
        """Let each contestant work a while, unmeasured."""
        for server in self._able(workload):
            self._run(server, workload, 8, seconds)
            yield seconds

    def round(self, workload: Workload, number: int, seconds: float) -> Iterator[float]:
        """Check and measure each contestant once. A different one begins in each round.

        Yields seconds as they pass. Raises WrongAnswerError or LoadError.
        """
        servers = self._able(workload)
        self._check(workload, servers)
        for server in [*servers[number % len(servers) :], *servers[: number % len(servers)]]:
            for connections in CONNECTIONS:
                self._measure(server, workload, connections, seconds)
                yield seconds

    def _able(self, workload: Workload) -> list[Server]:
        return [server for server in self._servers if can(server.contestant.words, workload)]

    def _measure(
        self, server: Server, workload: Workload, connections: int, seconds: float
    ) -> None:
        postmaster = self._world.postmaster
        before, postgres_before = cpu_seconds(server.pid), cpu_seconds(postmaster)
        latencies, elapsed = self._run(server, workload, connections, seconds)
        after, postgres_after = cpu_seconds(server.pid), cpu_seconds(postmaster)
        number = len(latencies)
        cuts = quantiles(latencies, n=100) if number > 1 else latencies * 99
        sample = Sample(
            cpu=(after - before) / number,
            postgres_cpu=(postgres_after - postgres_before) / number,
            rate=number / elapsed,
            p50=cuts[49],
            p99=cuts[98],
        )
        name = server.contestant.name
        self.measurements.add(Cell(name, workload.name, connections), sample)
        memory = self.measurements.memory
        memory[name] = max(memory.get(name, 0), resident_bytes(server.pid))

    def _run(
        self, server: Server, workload: Workload, connections: int, seconds: float
    ) -> tuple[list[float], float]:
        asked = questions(server.contestant.words, workload, self._world.people)
        job = Job(
            port=server.port,
            requests=[http(question, person.token) for person, question in asked],
            connections=connections,
            seconds=seconds,
            at_most=MOST_REQUESTS,
            first_mark=self._mark,
        )
        try:
            result = self._load.run(job)
        except LoadError as error:
            raise LoadError(f"{server.contestant.name}, {workload.name}: {error}") from None
        self._mark += len(result.latencies) + connections
        return result.latencies, result.elapsed

    def _check(self, workload: Workload, servers: Sequence[Server]) -> None:
        """All contestants answer the same questions with the same rows. The parts of a mixed
        workload are checked where they stand alone.
        """
        if workload.mixed:
            return
        answers = {server.contestant.name: self._answers(server, workload) for server in servers}
        if workload.name == "create":  # the ids are new ones
            return
        first, *others = answers
        for other in others:
            if answers[other] != answers[first]:
                raise WrongAnswerError(
                    f"{first} and {other} differ in their answers to {workload.name}"
                )

    def _answers(self, server: Server, workload: Workload) -> list[Sequence[str]]:
        asked = questions(server.contestant.words, workload, self._world.people)
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client:
            return [
                self._answer(client, server.contestant, workload, question, person.token)
                for person, question in islice(asked, CHECKED)
            ]

    def _answer(
        self,
        client: httpx.Client,
        contestant: Contestant,
        workload: Workload,
        question: Question,
        token: str,
    ) -> Sequence[str]:
        self._mark += 1
        request = http(question, token).partition(b"\r\n\r\n")[2]
        response = client.post(
            question.path,
            content=request.replace(MARK, b"%08x" % self._mark),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        answer: dict[str, Any] = response.json()
        try:
            assert response.status_code == 200
            assert "errors" not in answer
            rows = workload.rows(answer["data"])
            assert workload.expected in (None, len(rows))
        except (AssertionError, KeyError, TypeError, ValueError, AttributeError):
            raise WrongAnswerError(
                f"{contestant.name} does not answer {workload.name}: {response.text[:300]}"
            ) from None
        return rows


def cpu_seconds(pid: int) -> float:
    """What a process and its children have used so far; those that have ended, too."""
    root = psutil.Process(pid)
    ended = root.cpu_times()
    total: float = ended.children_user + ended.children_system
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += own_cpu_seconds(process)
    return total


def own_cpu_seconds(process: psutil.Process) -> float:
    """What one process has used. It is told in hundredths of a second, which is too coarse for
    PostgreSQL's many processes; Linux counts the nanoseconds of a thread, and those have one.
    """
    with suppress(OSError, ValueError):
        if process.num_threads() == 1:
            return int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1e9
    times = process.cpu_times()
    return float(times.user + times.system)


def resident_bytes(pid: int) -> int:
    """The memory of a process and its children."""
    root = psutil.Process(pid)
    total = 0
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total
