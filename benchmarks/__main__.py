"""`python -m benchmarks`: measure, and write down what came of it."""

import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from benchmarks.chart import svg
from benchmarks.contestants import AbsentError, Contestant, Server, contestants, serving
from benchmarks.load import LoadError, load_process
from benchmarks.measurement import CONNECTIONS, Bench, WrongAnswerError
from benchmarks.report import HEADLINE, Report, machine
from benchmarks.workloads import WORKLOADS, Workload, can
from benchmarks.world import READERS, WRITERS, World, world
from todo_graphql.config import ConfigurationError
from todo_graphql.store.embedded import EmbeddedPostgresError

RESULTS = Path(__file__).parent / "results"
FULL = {"rounds": 3, "seconds": 0.8, "tasks": 200_000, "users": 1_000}
QUICK = {"rounds": 1, "seconds": 0.4, "tasks": 20_000, "users": 100}
WARM_UP = 0.5
"""Seconds, at least, for which a contestant works on a workload before that is measured."""

NEIGHBOURHOODS = ((100, 10_000), (10_000, 1_000_000))
"""Users and tasks of two worlds in which a reader has the same number of tasks."""

Choice = TypeVar("Choice", Contestant, Workload)

FAILURES = (ConfigurationError, EmbeddedPostgresError, LoadError, WrongAnswerError)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Fewer tasks, one round: two minutes, and less to say.")
@click.option("--only", multiple=True, metavar="NAME", help="This contestant; may be repeated.")
@click.option("--workload", multiple=True, metavar="NAME", help="This one; may be repeated.")
@click.option("--rounds", type=click.IntRange(1, 100), help="How many.  [3; quick: 1]")
@click.option(
    "--seconds", type=click.FloatRange(0.1, 60), help="For each measurement.  [0.8; quick: 0.4]"
)
@click.option(
    "--tasks", type=click.IntRange(10_000, 100_000_000), help="Of all.  [200000; quick: 20000]"
)
@click.option(
    "--users",
    type=click.IntRange(1 + READERS + WRITERS, 100_000),
    help="How many have them.  [1000; quick: 100]",
)
@click.option(
    "--large", is_flag=True, help="Instead: one page among 10 thousand tasks and among a million."
)
def main(
    *,
    quick: bool,
    only: tuple[str, ...],
    workload: tuple[str, ...],
    large: bool,
    **given: float | None,
) -> None:
    """Compare todo-graphql with others that do the same work; README.md says how.

    Everything happens in benchmarks/.cache and on 127.0.0.1. Ctrl-C stops all of it.
    """
    signal.signal(signal.SIGTERM, end)
    plan = (QUICK if quick else FULL) | {k: v for k, v in given.items() if v is not None}
    rounds, seconds = int(plan["rounds"]), plan["seconds"]
    taking_part = chosen(contestants(), only, "contestant")
    workloads = chosen(WORKLOADS, workload, "workload")
    try:
        if large:
            compare_neighbourhoods(rounds, seconds)
            return
        began = time.monotonic()
        with world(int(plan["users"]), int(plan["tasks"])) as here:
            report = compare(here, taking_part, workloads, rounds, seconds, quick=quick)
        click.echo(f"\n{report.text()}\n")
        write(report)
        click.echo(f"It took {time.monotonic() - began:.0f} seconds.")
    except FAILURES as error:
        raise click.ClickException(str(error)) from None


def end(number: int, _frame: object) -> NoReturn:
    """Stop in good order, as after Ctrl-C."""
    raise SystemExit(128 + number)


def chosen(all_of_them: Sequence[Choice], names: tuple[str, ...], kind: str) -> list[Choice]:
    """Those that were named, or all. Raises UsageError for a name that nobody has."""
    known = [one.name for one in all_of_them]
    for name in names:
        if name not in known:
            raise click.UsageError(f"There is no {kind} {name!r}: there are {', '.join(known)}.")
    return [one for one in all_of_them if not names or one.name in names]


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


def write(report: Report) -> None:
    """Keep the table and the picture."""
    RESULTS.mkdir(exist_ok=True)
    for name, content in {"benchmark.md": report.markdown(), "benchmark.svg": svg(report)}.items():
        (RESULTS / name).write_text(content, encoding="utf-8")
        click.echo(f"Written: benchmarks/results/{name}")


if __name__ == "__main__":
    main()
