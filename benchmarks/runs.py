"""Runs: the comparison of all targets, and of todo-graphql with itself under other conditions."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import click
import psutil

from benchmarks.dataset import Dataset, dataset
from benchmarks.listeners import measure_listeners
from benchmarks.load_generator import load_process
from benchmarks.measurement import CONNECTIONS, Benchmark
from benchmarks.report import HEADLINE, Report
from benchmarks.soak import REQUESTS, STEPS, soak
from benchmarks.targets import AbsentError, Server, Target, serving, targets
from benchmarks.workloads import WORKLOADS, Workload, supports
from tests.support.reports import machine

WARM_UP_SECONDS = 0.5
"""The minimum duration of the warm-up before each measurement."""

SIZES = ((100, 10_000), (10_000, 1_000_000))
"""Users and tasks of two datasets in which a reader has the same number of tasks."""

DEFAULT_SIZE = (1_000, 200_000)
"""Users and tasks of the default dataset."""


def compare(
    data: Dataset,
    selected: Sequence[Target],
    workloads: Sequence[Workload],
    rounds: int,
    seconds: float,
    *,
    quick: bool,
) -> Report:
    """Start all targets, measure them in rounds and stop them."""
    absent: dict[str, str] = {}
    with ExitStack() as stack:
        load = stack.enter_context(load_process())
        servers: list[Server] = []
        for target in selected:
            click.echo(f"Starting {target.name} …", err=True)
            try:
                servers.append(stack.enter_context(serving(target, data.settings)))
            except AbsentError as reason:
                absent[target.name] = str(reason)
        bench = Benchmark(data, load, servers)
        pairs = sum(supports(s.target.operations, w) for s in servers for w in workloads)
        warm = max(seconds, WARM_UP_SECONDS)
        length = pairs * (warm + seconds * rounds * len(CONNECTIONS))
        with click.progressbar(
            length=int(length * 1000), label="Measuring", file=sys.stderr, show_percent=True
        ) as bar:
            for one in workloads:
                for passed in bench.warm_up(one, warm):
                    bar.update(int(passed * 1000))
            for number in range(rounds):
                data.reset()
                for one in workloads:
                    for passed in bench.round(one, number, seconds):
                        bar.update(int(passed * 1000))
        data.reset()
    counts = f"{rounds} round{'s' * (rounds > 1)} of {seconds:g} s for each measurement"
    terms = f"{machine()}. {counts}{'; quick, so approximate' * quick}."
    present = [server.target for server in servers]
    return Report(present, absent, workloads, bench.measurements, terms)


def compare_sizes(rounds: int, seconds: float) -> None:
    """Compare a page of a user's ninety tasks in a small and in a large dataset."""
    page = next(one for one in WORKLOADS if one.name == "page")
    ours = targets()[0]
    seen = []
    for users, tasks in SIZES:
        with dataset(users, tasks) as data:
            report = compare(data, [ours], [page], rounds, seconds, quick=False)
        sample = report.measurements.median_of(ours.name, page.name, HEADLINE)
        assert sample is not None
        seen.append(sample)
        click.echo(f"\n{tasks:,} tasks of {users:,} users\n{report.text()}")
    few, many = seen
    click.echo(
        f"With a hundred times the tasks: {many.cpu / few.cpu:.2f} times the server's CPU, "
        f"{many.postgres_cpu / few.postgres_cpu:.2f} times PostgreSQL's, "
        f"{many.p50 / few.p50:.2f} times the median latency."
    )


def measure_memory(_rounds: int, _seconds: float) -> None:
    """Measure the memory of one process during many requests with many documents."""
    with ExitStack() as stack:
        data = stack.enter_context(dataset(*DEFAULT_SIZE))
        load = stack.enter_context(load_process())
        server = stack.enter_context(serving(targets()[0], data.settings))
        progress = partial(click.progressbar, label="Sending", file=sys.stderr, show_percent=True)
        seen = []
        with progress(length=STEPS) as bar:
            for step in soak(data.users, load, server):
                seen.append(step)
                bar.update(1 if len(seen) > 1 else 0)
        data.reset()
    for requests, held in seen:
        click.echo(f"{requests:>8,} requests  {held / 2**20:6.1f} MiB  {'█' * (held // 2**22)}")
    half, last = seen[len(seen) // 2][1], seen[-1][1]
    click.echo(
        f"Memory after {REQUESTS:,} requests: {last / half:.3f} times that after half of them."
    )


def measure_writes(rounds: int, _seconds: float) -> None:
    """Measure a write with different numbers of streams of its user."""
    with dataset(*DEFAULT_SIZE) as data:
        seen = list(measure_listeners(data, rounds))
        data.reset()
    for number, cpu, postgres_cpu in seen:
        click.echo(
            f"{number:>4} listeners: {cpu * 1e3:6.2f} ms of the server's CPU for a write,"
            f" {postgres_cpu * 1e3:6.2f} ms of PostgreSQL's"
        )


def compare_workers(rounds: int, seconds: float) -> None:
    """Compare two processes with one.

    Server, PostgreSQL and load share the cores, so that few cores limit the gain.
    """
    one = targets()[0]
    two = replace(one, name="ours, two", command=(*one.command, "--workers", "2"))
    workloads = [each for each in WORKLOADS if each.name in ("task", "page")]
    with dataset(*DEFAULT_SIZE) as data:
        report = compare(data, [one, two], workloads, rounds, seconds, quick=False)
    click.echo(f"\n{report.text()}")
    for each in workloads:
        samples = [report.measurements.median_of(c.name, each.name, HEADLINE) for c in (one, two)]
        rates = [sample.rate for sample in samples if sample is not None]
        click.echo(
            f"{each.name}: two processes serve {rates[1] / rates[0]:.2f} times as many requests "
            f"as one, on {psutil.cpu_count()} cores for server, PostgreSQL and load together."
        )
