"""What was measured, as a table: for the terminal, and as Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.measurement import CONNECTIONS, Measurements
from benchmarks.targets import Contestant
from benchmarks.workloads import Workload
from tests.support.reports import row_of

HEADLINE = 8
"""The number of connections at which ratios are told."""

LATENCY_AT = (8, 64)

NONE = "–"  # noqa: RUF001 - a dash
HEAD = (
    "contestant",
    *(f"CPU ms {number}" for number in CONNECTIONS),
    "±%",
    "of stock",
    "of floor",
    "PG ms",
    *(f"req/s {number}" for number in CONNECTIONS),
    *(f"{percentile} {number}" for number in LATENCY_AT for percentile in ("p50 ms", "p99 ms")),
)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a reader of the numbers needs to know."""

    contestants: Sequence[Contestant]
    absent: Mapping[str, str]
    workloads: Sequence[Workload]
    measurements: Measurements
    terms: str

    def rows(self, workload: Workload) -> Iterator[tuple[str, ...]]:
        """A row of the table for each contestant."""
        for contestant in self.contestants:
            yield self._row(contestant.name, workload.name)

    def ratio(self, name: str, workload: str, other: str) -> str:
        """Processor time as a multiple of the other's."""
        mine = self.measurements.middle(name, workload, HEADLINE)
        theirs = self.measurements.middle(other, workload, HEADLINE)
        if mine is None or theirs is None or not theirs.cpu:
            return NONE
        return f"{mine.cpu / theirs.cpu:.2f}"

    def _row(self, name: str, workload: str) -> tuple[str, ...]:
        middle = self.measurements.middle(name, workload, HEADLINE)
        if middle is None:
            return (name, *(NONE for _ in HEAD[1:]))
        spread = self.measurements.spread(name, workload, HEADLINE)
        samples = [self.measurements.middle(name, workload, number) for number in CONNECTIONS]
        return (
            name,
            *(NONE if sample is None else f"{sample.cpu * 1e3:.2f}" for sample in samples),
            NONE if spread is None else f"{spread * 50:.0f}",
            self.ratio(name, workload, "stock"),
            self.ratio(name, workload, "floor"),
            f"{middle.postgres_cpu * 1e3:.2f}",
            *(NONE if sample is None else f"{sample.rate:.0f}" for sample in samples),
            *self._latencies(name, workload),
        )

    def _latencies(self, name: str, workload: str) -> Iterator[str]:
        for number in LATENCY_AT:
            middle = self.measurements.middle(name, workload, number)
            for time in (None, None) if middle is None else (middle.p50, middle.p99):
                yield NONE if time is None else f"{time * 1e3:.1f}"

    def text(self) -> str:
        """For the terminal."""
        lines = [self.terms, ""]
        for workload in self.workloads:
            lines += [f"{workload.name}: {workload.title}", *aligned([HEAD, *self.rows(workload)])]
            lines.append("")
        return "\n".join([*lines, *self._notes()])

    def markdown(self) -> str:
        """The same, to be kept."""
        lines = ["# Benchmark", "", self.terms, ""]
        for workload in self.workloads:
            lines += [f"## {workload.name}: {workload.title}", ""]
            lines += [row_of(HEAD), row_of(["---"] + ["---:"] * (len(HEAD) - 1))]
            lines += [*map(row_of, self.rows(workload)), ""]
        return "\n".join([*lines, *(f"- {note}" for note in self._notes()), ""])

    def _notes(self) -> Iterator[str]:
        for contestant in self.contestants:
            memory = self.measurements.memory.get(contestant.name)
            suffix = "" if memory is None else f"; {memory / 2**20:.0f} MiB at most"
            yield f"{contestant.name}: {contestant.title}{suffix}."
        for name, reason in self.absent.items():
            yield f"{name}: not run: {reason}."
        yield (
            "CPU ms: processor time of the server per request, at 1, 8 and 64 connections, without "
            f"PostgreSQL's. At {HEADLINE}: ±%: half of what lies between the rounds; of stock, of "
            "floor: CPU as a multiple of theirs, less is better; PG ms: processor time of "
            "PostgreSQL per request. Medians of the rounds."
        )


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of equal width, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [
                f"  {row[0]:<{widths[0]}}",
                *(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]
