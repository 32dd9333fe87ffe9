"""The report: the checks of all experiments as text and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.support.reports import machine, row_of

HEAD = ("fault", "expected", "observed", "held")


@dataclass(frozen=True, slots=True)
class Check:
    """An expectation and its observation.

    A check of times or of random events is not steady: it may fail on a busy machine.
    """

    must: str
    seen: str
    held: bool
    steady: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """The checks of an experiment, or the reason why it did not run."""

    fault: str
    checks: Sequence[Check] = ()
    absent: str = ""

    @property
    def held(self) -> bool:
        """Return whether all checks held. An experiment that did not run has not held."""
        return bool(self.checks) and all(check.held for check in self.checks)

    def rows(self) -> list[tuple[str, ...]]:
        if self.absent:
            return [(self.fault, "", self.absent, "not run")]
        return [
            (self.fault, check.must, check.seen, "yes" if check.held else "NO")
            for check in self.checks
        ]


def text(results: Sequence[Result]) -> str:
    """Format the results for the terminal."""
    lines: list[str] = []
    for result in results:
        lines += ["", result.fault]
        for _, must, seen, held in result.rows():
            lines.append(f"  {held:<8} {must}")
            lines.append(f"           {seen}")
    return "\n".join(lines)


def markdown(results: Sequence[Result], terms: str) -> str:
    """Format the results as a Markdown table."""
    rows = [row for result in results for row in result.rows()]
    lines = [row_of(HEAD), row_of(["---"] * len(HEAD)), *map(row_of, rows)]
    return "\n".join(["# Chaos", "", f"{machine()}. {terms}", "", *lines, ""])


def check_none(number: int, what: str) -> Check:
    """Check that the number is zero."""
    return Check(f"0 {what}", f"{number}", number == 0)


def check_within(limit: float, seconds: Sequence[float], what: str) -> Check:
    """Check that there are times, and that none exceeds the limit."""
    if not seconds:
        return Check(f"{what} ≤ {limit:g} s", "it never happened", held=False, steady=False)
    longest = max(seconds)
    several = f", median {median(seconds):.2f} s, of {len(seconds):,}"
    seen = f"{longest:.2f} s at most" + several * (len(seconds) > 1)
    return Check(f"{what} ≤ {limit:g} s", seen, longest <= limit, steady=False)
