"""The report: the measurements as text and as Markdown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.measurement import CONNECTIONS, Measurements, Sample
from benchmarks.targets import Target
from benchmarks.workloads import Workload
from tests.support.reports import row_of

HEADLINE = 8
"""The number of connections for ratios."""

LATENCY_AT = (8, 64)

NONE = "–"  # noqa: RUF001 - a dash
HEAD = (
    "target",
    *(f"CPU ms {number}" for number in CONNECTIONS),
    "±%",
    "of tutorial",
    "of baseline",
    "PG ms",
    "sum ms",
    "sum of baseline",
    *(f"req/s {number}" for number in CONNECTIONS),
    *(f"{percentile} {number}" for number in LATENCY_AT for percentile in ("p50 ms", "p99 ms")),
)


def server_cost(sample: Sample) -> float:
    """Return the processor time of the server per request, in seconds."""
    return sample.cpu


def total_cost(sample: Sample) -> float:
    """Return the processor time of the server and of PostgreSQL per request, in seconds."""
    return sample.cpu + sample.postgres_cpu


@dataclass(frozen=True, slots=True)
class Report:
    """Measurements with the targets and terms that describe them."""

    targets: Sequence[Target]
    absent: Mapping[str, str]
    workloads: Sequence[Workload]
    measurements: Measurements
    terms: str

    def rows(self, workload: Workload) -> Iterator[tuple[str, ...]]:
        """Yield a table row for each target."""
        for target in self.targets:
            yield self._row(target.name, workload.name)

    def ratio(self, name: str, workload: str, other: str, cost: Callable[[Sample], float]) -> str:
        """Return a cost relative to that of another target."""
        mine = self.measurements.median_of(name, workload, HEADLINE)
        theirs = self.measurements.median_of(other, workload, HEADLINE)
        if mine is None or theirs is None or not cost(theirs):
            return NONE
        return f"{cost(mine) / cost(theirs):.2f}"

    def _row(self, name: str, workload: str) -> tuple[str, ...]:
        median = self.measurements.median_of(name, workload, HEADLINE)
        if median is None:
            return (name, *(NONE for _ in HEAD[1:]))
        spread = self.measurements.spread(name, workload, HEADLINE)
        samples = [self.measurements.median_of(name, workload, number) for number in CONNECTIONS]
        return (
            name,
            *(NONE if sample is None else f"{sample.cpu * 1e3:.2f}" for sample in samples),
            NONE if spread is None else f"{spread * 50:.0f}",
            self.ratio(name, workload, "tutorial", server_cost),
            self.ratio(name, workload, "baseline", server_cost),
            f"{median.postgres_cpu * 1e3:.2f}",
            f"{total_cost(median) * 1e3:.2f}",
            self.ratio(name, workload, "baseline", total_cost),
            *(NONE if sample is None else f"{sample.rate:.0f}" for sample in samples),
            *self._latencies(name, workload),
        )

    def _latencies(self, name: str, workload: str) -> Iterator[str]:
        for number in LATENCY_AT:
            median = self.measurements.median_of(name, workload, number)
            for time in (None, None) if median is None else (median.p50, median.p99):
                yield NONE if time is None else f"{time * 1e3:.1f}"

    def text(self) -> str:
        """Format the report for the terminal."""
        lines = [self.terms, ""]
        for workload in self.workloads:
            lines += [f"{workload.name}: {workload.title}", *aligned([HEAD, *self.rows(workload)])]
            lines.append("")
        return "\n".join([*lines, *self._notes()])

    def markdown(self) -> str:
        """Format the report as Markdown."""
        lines = ["# Benchmark", "", self.terms, ""]
        for workload in self.workloads:
            lines += [f"## {workload.name}: {workload.title}", ""]
            lines += [row_of(HEAD), row_of(["---"] + ["---:"] * (len(HEAD) - 1))]
            lines += [*map(row_of, self.rows(workload)), ""]
        return "\n".join([*lines, *(f"- {note}" for note in self._notes()), ""])

    def _notes(self) -> Iterator[str]:
        for target in self.targets:
            memory = self.measurements.memory.get(target.name)
            suffix = "" if memory is None else f"; at most {memory / 2**20:.0f} MiB"
            yield f"{target.name}: {target.title}{suffix}."
        for name, reason in self.absent.items():
            yield f"{name}: not run: {reason}."
        yield (
            "CPU ms: processor time of the server per request at 1, 8 and 64 connections, without "
            f"PostgreSQL. At {HEADLINE} connections: ±%: half the range of the rounds; of "
            "tutorial, of baseline: CPU ms relative to these targets, less is better; PG ms: "
            "processor time of PostgreSQL per request; sum ms: that of both. All numbers are "
            "medians of the rounds."
        )


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Pad the columns to equal widths, with numbers to the right."""
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
