"""`python -m chaos`: run the experiments and write a report."""

import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from chaos.environment import running_environment
from chaos.experiments import EXPERIMENTS, Experiment
from chaos.report import Result, markdown, text
from todo_graphql.dev.postgres_binaries import EmbeddedPostgresError
from todo_graphql.settings.settings import ConfigurationError

RESULTS = Path(__file__).parent / "results"
FAILURES = (ConfigurationError, EmbeddedPostgresError)
NAMES = [one.name for one in EXPERIMENTS]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="A short form of all experiments.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(NAMES),
    help="Run this experiment only; may be repeated.",
)
@click.option("--list", "listing", is_flag=True, help="List the experiments and exit.")
def main(*, quick: bool, only: tuple[str, ...], listing: bool) -> None:
    """Inject faults into todo-graphql and check what must hold (README.md).

    Everything runs in a temporary folder and on 127.0.0.1. The exit code is 1 when a check fails.
    Ctrl-C stops everything.
    """
    if listing:
        for one in EXPERIMENTS:
            click.echo(f"{one.name:<24} {one.fault}")
        return
    signal.signal(signal.SIGTERM, end)
    chosen = [one for one in EXPERIMENTS if not only or one.name in only]
    began = time.monotonic()
    try:
        results = execute(chosen, quick=quick)
    except FAILURES as error:
        raise click.ClickException(str(error)) from None
    taken = f"Duration: {time.monotonic() - began:.0f} seconds{', in the short form' * quick}."
    click.echo(f"{text(results)}\n\n{taken}")
    write(markdown(results, taken))
    sys.exit(any(result.checks and not result.held for result in results))


def execute(chosen: Sequence[Experiment], *, quick: bool) -> list[Result]:
    """Run experiments one after the other, with a progress bar."""
    lengths = [one.size(quick=quick).seconds for one in chosen]
    with click.progressbar(length=100 * sum(lengths), label="Running", file=sys.stderr) as bar:

        def progress(part: float) -> None:
            done = sum(lengths[: len(results)]) + part * lengths[len(results)]
            bar.update(round(100 * done) - bar.pos)

        results: list[Result] = []
        with running_environment(progress) as env:
            for one in chosen:
                bar.label = f"Running: {one.name}"
                results.append(one.execute(env, quick=quick))
        bar.update(100 * sum(lengths) - bar.pos)
    return results


def end(number: int, _frame: object) -> NoReturn:
    """Exit gracefully, as after Ctrl-C."""
    raise SystemExit(128 + number)


def write(content: str) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "chaos.md").write_text(content, encoding="utf-8")
    click.echo("Written: chaos/results/chaos.md")


if __name__ == "__main__":
    main()
