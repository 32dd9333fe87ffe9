"""`python -m benchmarks`: measure, and write down what came of it."""

import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from benchmarks.chart import svg
from benchmarks.dataset import READERS, WRITERS, world
from benchmarks.load_generator import LoadError
from benchmarks.measurement import WrongAnswerError
from benchmarks.report import Report
from benchmarks.runs import WORLD, add_a_worker, compare, compare_neighbourhoods, watch_memory
from benchmarks.targets import Contestant, contestants
from benchmarks.workloads import WORKLOADS, Workload
from todo_graphql.dev.postgres_binaries import EmbeddedPostgresError
from todo_graphql.settings.settings import ConfigurationError

RESULTS = Path(__file__).parent / "results"
FULL = {"rounds": 3, "seconds": 0.8, "tasks": WORLD[1], "users": WORLD[0]}
QUICK = {"rounds": 1, "seconds": 0.4, "tasks": 20_000, "users": 100}
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
@click.option("--memory", is_flag=True, help="Instead: memory after 100 thousand requests.")
@click.option("--workers", is_flag=True, help="Instead: two processes beside one.")
def main(
    *,
    quick: bool,
    only: tuple[str, ...],
    workload: tuple[str, ...],
    large: bool,
    memory: bool,
    workers: bool,
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
        if large or memory or workers:
            special = compare_neighbourhoods if large else watch_memory if memory else add_a_worker
            special(rounds, seconds)
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


def write(report: Report) -> None:
    """Keep the table and the picture."""
    RESULTS.mkdir(exist_ok=True)
    for name, content in {"benchmark.md": report.markdown(), "benchmark.svg": svg(report)}.items():
        (RESULTS / name).write_text(content, encoding="utf-8")
        click.echo(f"Written: benchmarks/results/{name}")


if __name__ == "__main__":
    main()
