"""Comparisons: of all contestants, and of ours with itself under other conditions."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import click
import psutil

from benchmarks.dataset import World, world
from benchmarks.load_generator import load_process
from benchmarks.measurement import CONNECTIONS, Bench
from benchmarks.report import HEADLINE, Report
from benchmarks.soak import REQUESTS, STEPS, endure
from benchmarks.targets import AbsentError, Contestant, Server, contestants, serving
from benchmarks.workloads import WORKLOADS, Workload, can
from tests.support.reports import machine

WARM_UP = 0.5
"""Seconds, at least, for which a contestant works on a workload before that is measured."""

NEIGHBOURHOODS = ((100, 10_000), (10_000, 1_000_000))
"""Users and tasks of two worlds in which a reader has the same number of tasks."""

WORLD = (1_000, 200_000)
"""Users and tasks of the world in which everything else is compared, unless it is told others."""


def compare(
    here: World,
    taking_part: Sequence[Contestant],
    workloads: Sequence[Workload],
    rounds: int,
    seconds: float,
    *,
    quick: bool,
) -> Report:
    """Start all contestants, measure them in rounds, stop them."""
    absent: dict[str, str] = {}
    with ExitStack() as stack:
        load = stack.enter_context(load_process())
        servers: list[Server] = []
        for contestant in taking_part:
            click.echo(f"Starting {contestant.name} …", err=True)
            try:
                servers.append(stack.enter_context(serving(contestant, here.settings)))
            except AbsentError as reason:
                absent[contestant.name] = str(reason)
        bench = Bench(here, load, servers)
        pairs = sum(can(s.contestant.words, w) for s in servers for w in workloads)
        warm = max(seconds, WARM_UP)
        length = pairs * (warm + seconds * rounds * len(CONNECTIONS))
        with click.progressbar(
            length=int(length * 1000), label="Measuring", file=sys.stderr, show_percent=True
        ) as bar:
            for one in workloads:
                for passed in bench.warm_up(one, warm):
                    bar.update(int(passed * 1000))
            for number in range(rounds):
                here.tidy()
                for one in workloads:
                    for passed in bench.round(one, number, seconds):
                        bar.update(int(passed * 1000))
        here.tidy()
    counts = f"{rounds} round{'s' * (rounds > 1)} of {seconds:g} s for each measurement"
    terms = f"{machine()}. {counts}{'; quick, so only roughly right' * quick}."
    present = [server.contestant for server in servers]
    return Report(present, absent, workloads, bench.measurements, terms)


def compare_neighbourhoods(rounds: int, seconds: float) -> None:
    """One page of a reader's ninety tasks, with few and with many tasks of others around."""
    page = next(one for one in WORKLOADS if one.name == "page")
    ours = contestants()[0]
    seen = []
    for users, tasks in NEIGHBOURHOODS:
        with world(users, tasks) as here:
            report = compare(here, [ours], [page], rounds, seconds, quick=False)
        middle = report.measurements.middle(ours.name, page.name, HEADLINE)
        assert middle is not None
        seen.append(middle)
        click.echo(f"\n{tasks:,} tasks of {users:,} users\n{report.text()}")
    few, many = seen
    click.echo(
        f"A hundred times the tasks: {many.cpu / few.cpu:.2f} times the server's CPU, "
        f"{many.postgres_cpu / few.postgres_cpu:.2f} times PostgreSQL's, "
        f"{many.p50 / few.p50:.2f} times the median latency."
    )


def watch_memory(_rounds: int, _seconds: float) -> None:
    """What one process holds while it answers many requests with many different documents."""
    with ExitStack() as stack:
        here = stack.enter_context(world(*WORLD))
        load = stack.enter_context(load_process())
        server = stack.enter_context(serving(contestants()[0], here.settings))
        progress = partial(click.progressbar, label="Asking", file=sys.stderr, show_percent=True)
        seen = []
        with progress(length=STEPS) as bar:
            for step in endure(here.people, load, server):
                seen.append(step)
                bar.update(1 if len(seen) > 1 else 0)
        here.tidy()
    for requests, held in seen:
        click.echo(f"{requests:>8,} requests  {held / 2**20:6.1f} MiB  {'█' * (held // 2**22)}")
    half, last = seen[len(seen) // 2][1], seen[-1][1]
    click.echo(f"From the middle of the {REQUESTS:,} to their end: {last / half:.3f} times.")


def add_a_worker(rounds: int, seconds: float) -> None:
    """What a second process adds. Server, PostgreSQL and load share the machine's cores, so with
    few of them it cannot add much.
    """
    one = contestants()[0]
    two = replace(one, name="ours, two", command=(*one.command, "--workers", "2"))
    workloads = [each for each in WORKLOADS if each.name in ("task", "page")]
    with world(*WORLD) as here:
        report = compare(here, [one, two], workloads, rounds, seconds, quick=False)
    click.echo(f"\n{report.text()}")
    for each in workloads:
        middles = [report.measurements.middle(c.name, each.name, HEADLINE) for c in (one, two)]
        rates = [middle.rate for middle in middles if middle is not None]
        click.echo(
            f"{each.name}: two processes answer {rates[1] / rates[0]:.2f} times as many requests "
            f"as one, on {psutil.cpu_count()} cores for server, PostgreSQL and load together."
        )
