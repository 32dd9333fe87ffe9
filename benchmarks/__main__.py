"""`python -m benchmarks`: run the benchmarks and write a report."""

import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from benchmarks.chart import svg
from benchmarks.dataset import READERS, WRITERS, dataset
from benchmarks.load_generator import LoadError
from benchmarks.measurement import WrongAnswerError
from benchmarks.report import Report
from benchmarks.runs import (
    DEFAULT_SIZE,
    compare,
    compare_sizes,
    compare_workers,
    measure_memory,
    measure_writes,
)
from benchmarks.targets import Target, targets
from benchmarks.workloads import WORKLOADS, Workload
from todo_graphql.dev.postgres_binaries import EmbeddedPostgresError
from todo_graphql.settings.settings import ConfigurationError

RESULTS = Path(__file__).parent / "results"
FULL = {"rounds": 3, "seconds": 0.8, "tasks": DEFAULT_SIZE[1], "users": DEFAULT_SIZE[0]}
QUICK = {"rounds": 1, "seconds": 0.4, "tasks": 20_000, "users": 100}
Choice = TypeVar("Choice", Target, Workload)

FAILURES = (ConfigurationError, EmbeddedPostgresError, LoadError, WrongAnswerError)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Fewer tasks and one round: two minutes, less exact.")
@click.option(
    "--only", multiple=True, metavar="NAME", help="Run this target only; may be repeated."
)
@click.option(
    "--workload", multiple=True, metavar="NAME", help="Run this workload only; may be repeated."
)
@click.option("--rounds", type=click.IntRange(1, 100), help="The number of rounds.  [3; quick: 1]")
@click.option(
    "--seconds", type=click.FloatRange(0.1, 60), help="Seconds per measurement.  [0.8; quick: 0.4]"
)
@click.option(
    "--tasks",
    type=click.IntRange(10_000, 100_000_000),
    help="The number of tasks.  [200000; quick: 20000]",
)
@click.option(
    "--users",
    type=click.IntRange(1 + READERS + WRITERS, 100_000),
    help="The number of users.  [1000; quick: 100]",
)
@click.option(
    "--large", is_flag=True, help="Instead: a page among 10 thousand and among a million tasks."
)
@click.option("--memory", is_flag=True, help="Instead: memory after 100 thousand requests.")
@click.option("--listeners", is_flag=True, help="Instead: a write with 0, 1 and 100 streams.")
@click.option("--workers", is_flag=True, help="Instead: compare two processes with one.")
def main(
    *,
    quick: bool,
    only: tuple[str, ...],
    workload: tuple[str, ...],
    large: bool,
    memory: bool,
    listeners: bool,
    workers: bool,
    **given: float | None,
) -> None:
    """Compare todo-graphql with other servers on the same data (README.md).

    Everything runs in benchmarks/.cache and on 127.0.0.1. Ctrl-C stops everything.
    """
    signal.signal(signal.SIGTERM, end)
    plan = (QUICK if quick else FULL) | {k: v for k, v in given.items() if v is not None}
    rounds, seconds = int(plan["rounds"]), plan["seconds"]
    selected = chosen(targets(), only, "target")
    workloads = chosen(WORKLOADS, workload, "workload")
    try:
        specials = {
            compare_sizes: large,
            measure_memory: memory,
            measure_writes: listeners,
            compare_workers: workers,
        }
        for special, is_chosen in specials.items():
            if is_chosen:
                special(rounds, seconds)
                return
        began = time.monotonic()
        with dataset(int(plan["users"]), int(plan["tasks"])) as data:
            report = compare(data, selected, workloads, rounds, seconds, quick=quick)
        click.echo(f"\n{report.text()}\n")
        write(report)
        click.echo(f"Duration: {time.monotonic() - began:.0f} seconds.")
    except FAILURES as error:
        raise click.ClickException(str(error)) from None


def end(number: int, _frame: object) -> NoReturn:
    """Exit gracefully, as after Ctrl-C."""
    raise SystemExit(128 + number)


def chosen(choices: Sequence[Choice], names: tuple[str, ...], kind: str) -> list[Choice]:
    """Return the named choices, or all. Raise UsageError for an unknown name."""
    known = [one.name for one in choices]
    for name in names:
        if name not in known:
            raise click.UsageError(f"Unknown {kind} {name!r}: use one of {', '.join(known)}.")
    return [one for one in choices if not names or one.name in names]


def write(report: Report) -> None:
    RESULTS.mkdir(exist_ok=True)
    for name, content in {"benchmark.md": report.markdown(), "benchmark.svg": svg(report)}.items():
        (RESULTS / name).write_text(content, encoding="utf-8")
        click.echo(f"Written: benchmarks/results/{name}")


if __name__ == "__main__":
    main()
