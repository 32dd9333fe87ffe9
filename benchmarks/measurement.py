"""Measurement: rounds in which every target serves every workload, one at a time."""

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

from benchmarks.dataset import Dataset
from benchmarks.load_generator import MARK, Job, LoadError, LoadProcess
from benchmarks.targets import Server, Target
from benchmarks.workloads import Operation, Workload, encode_request, operation_sequence, supports

CONNECTIONS = (1, 8, 64)
MAX_REQUESTS = 50_000
"""The limit of requests in one measurement."""

CHECKED = 32
"""The number of operations whose responses are compared in each round, two of each reader."""


class WrongAnswerError(Exception):
    """A target returned a wrong result."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement. Times are in seconds, processor times per request."""

    cpu: float
    postgres_cpu: float
    rate: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Cell:
    """The key of a measurement."""

    target: str
    workload: str
    connections: int


@dataclass(slots=True)
class Measurements:
    """All samples of each cell, and the maximum memory of each target."""

    samples: dict[Cell, list[Sample]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)

    def add(self, cell: Cell, sample: Sample) -> None:
        self.samples.setdefault(cell, []).append(sample)

    def median_of(self, target: str, workload: str, connections: int) -> Sample | None:
        """Return the median of each number, or None without samples."""
        samples = self.samples.get(Cell(target, workload, connections))
        if not samples:
            return None
        names = Sample.__slots__
        return Sample(**{name: median(getattr(s, name) for s in samples) for name in names})

    def spread(self, target: str, workload: str, connections: int) -> float | None:
        """Return the range of processor times relative to their median, or None for one round."""
        times = [s.cpu for s in self.samples[Cell(target, workload, connections)]]
        middle = median(times)
        return (max(times) - min(times)) / middle if middle and len(times) > 1 else None


class Benchmark:
    """The servers, the load process and the measurements so far."""

    def __init__(self, dataset: Dataset, load: LoadProcess, servers: Sequence[Server]) -> None:
        self._world = dataset
        self._load = load
        self._servers = servers
        # Titles differ from those of earlier runs.
        self._mark = secrets.randbelow(2**31)
        self.measurements = Measurements()

    def warm_up(self, workload: Workload, seconds: float) -> Iterator[float]:
        """Run the workload on each target without measurement."""
        for server in self._able(workload):
            self._run(server, workload, 8, seconds)
            yield seconds

    def round(self, workload: Workload, number: int, seconds: float) -> Iterator[float]:
        """Check and measure each target once. A different target begins in each round.

        Yield the seconds that have passed. Raise WrongAnswerError or LoadError.
        """
        servers = self._able(workload)
        self._check(workload, servers)
        for server in [*servers[number % len(servers) :], *servers[: number % len(servers)]]:
            for connections in CONNECTIONS:
                self._measure(server, workload, connections, seconds)
                yield seconds

    def _able(self, workload: Workload) -> list[Server]:
        return [server for server in self._servers if supports(server.target.operations, workload)]

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
        name = server.target.name
        self.measurements.add(Cell(name, workload.name, connections), sample)
        memory = self.measurements.memory
        memory[name] = max(memory.get(name, 0), resident_bytes(server.pid))

    def _run(
        self, server: Server, workload: Workload, connections: int, seconds: float
    ) -> tuple[list[float], float]:
        asked = operation_sequence(server.target.operations, workload, self._world.users)
        job = Job(
            port=server.port,
            requests=[encode_request(operation, user.token) for user, operation in asked],
            connections=connections,
            seconds=seconds,
            at_most=MAX_REQUESTS,
            first_mark=self._mark,
        )
        try:
            result = self._load.run(job)
        except LoadError as error:
            raise LoadError(f"{server.target.name}, {workload.name}: {error}") from None
        self._mark += len(result.latencies) + connections
        return result.latencies, result.elapsed

    def _check(self, workload: Workload, servers: Sequence[Server]) -> None:
        """Compare the rows that all targets return.

        The parts of a mixed workload are checked in their own workloads.
        """
        if workload.mixed:
            return
        answers = {server.target.name: self._answers(server, workload) for server in servers}
        if workload.name == "create":  # the ids are new
            return
        first, *others = answers
        for other in others:
            if answers[other] != answers[first]:
                raise WrongAnswerError(
                    f"{first} and {other} return different rows for {workload.name}"
                )

    def _answers(self, server: Server, workload: Workload) -> list[Sequence[str]]:
        asked = operation_sequence(server.target.operations, workload, self._world.users)
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client:
            return [
                self._answer(client, server.target, workload, operation, user.token)
                for user, operation in islice(asked, CHECKED)
            ]

    def _answer(
        self,
        client: httpx.Client,
        target: Target,
        workload: Workload,
        operation: Operation,
        token: str,
    ) -> Sequence[str]:
        self._mark += 1
        request = encode_request(operation, token).partition(b"\r\n\r\n")[2]
        response = client.post(
            operation.path,
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
                f"{target.name} returned a wrong result for {workload.name}: {response.text[:300]}"
            ) from None
        return rows


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and its children, including exited ones."""
    root = psutil.Process(pid)
    ended = root.cpu_times()
    total: float = ended.children_user + ended.children_system
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += own_cpu_seconds(process)
    return total


def own_cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time of one process.

    Its unit is 10 ms, which is too coarse for PostgreSQL's many processes. Linux also counts the
    nanoseconds of a thread, which are those of a process with one thread.
    """
    with suppress(OSError, ValueError):
        if process.num_threads() == 1:
            return int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1e9
    times = process.cpu_times()
    return float(times.user + times.system)


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process and its children."""
    root = psutil.Process(pid)
    total = 0
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total
