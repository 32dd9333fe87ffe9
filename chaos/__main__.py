"""`python -m chaos`: break things, see what holds, and write it down."""

import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from chaos.experiments import EXPERIMENTS, Experiment
from chaos.report import Result, markdown, text
from chaos.scene import scene
from todo_graphql.dev.postgres_binaries import EmbeddedPostgresError
from todo_graphql.settings.settings import ConfigurationError

RESULTS = Path(__file__).parent / "results"
FAILURES = (ConfigurationError, EmbeddedPostgresError)
NAMES = [one.name for one in EXPERIMENTS]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="A short form of all, and less to say.")
@click.option(
    "--only", multiple=True, type=click.Choice(NAMES), help="This experiment; may be repeated."
)
@click.option("--list", "listing", is_flag=True, help="Say which experiments there are.")
def main(*, quick: bool, only: tuple[str, ...], listing: bool) -> None:
    """Break todo-graphql in many ways, and see what holds; README.md says what must.

    Everything happens in a temporary folder and on 127.0.0.1. The exit code is 1 when anything
    did not hold. Ctrl-C stops all of it.
    """
    if listing:
        for one in EXPERIMENTS:
            click.echo(f"{one.name:<11}{one.fault}")
        return
    signal.signal(signal.SIGTERM, end)
    chosen = [one for one in EXPERIMENTS if not only or one.name in only]
    began = time.monotonic()
    try:
        results = carry_out(chosen, quick=quick)
    except FAILURES as error:
        raise click.ClickException(str(error)) from None
    taken = f"It took {time.monotonic() - began:.0f} seconds{', in the short form' * quick}."
    click.echo(f"{text(results)}\n\n{taken}")
    write(markdown(results, taken))
    sys.exit(any(result.checks and not result.held for result in results))


def carry_out(chosen: Sequence[Experiment], *, quick: bool) -> list[Result]:
    """One after the other, with a bar."""
    lengths = [one.size(quick=quick).seconds for one in chosen]
    with click.progressbar(length=100 * sum(lengths), label="Breaking", file=sys.stderr) as bar:

        def progress(part: float) -> None:
            done = sum(lengths[: len(results)]) + part * lengths[len(results)]
            bar.update(round(100 * done) - bar.pos)

        results: list[Result] = []
        with scene(progress) as here:
            for one in chosen:
                bar.label = f"Breaking: {one.name}"
                results.append(one.carry_out(here, quick=quick))
        bar.update(100 * sum(lengths) - bar.pos)
    return results


def end(number: int, _frame: object) -> NoReturn:
    """Stop in good order, as after Ctrl-C."""
    raise SystemExit(128 + number)


def write(content: str) -> None:
    """Keep the table."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "chaos.md").write_text(content, encoding="utf-8")
    click.echo("Written: chaos/results/chaos.md")


if __name__ == "__main__":
    main()
