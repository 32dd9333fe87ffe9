"""What was seen, as a table: for the terminal, and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.support.reports import machine, row_of

HEAD = ("fault", "what must hold", "what was seen", "held")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold. What is about seconds, or a matter of chance, is not steady: a busy
    machine may break it.
    """

    must: str
    seen: str
    held: bool
    steady: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an experiment, or why there was none."""

    fault: str
    checks: Sequence[Check] = ()
    absent: str = ""

    @property
    def held(self) -> bool:
        """What was not run has not held."""
        return bool(self.checks) and all(check.held for check in self.checks)

    def rows(self) -> list[tuple[str, ...]]:
        """One for each check."""
        if self.absent:
            return [(self.fault, "", self.absent, "not run")]
        return [
            (self.fault, check.must, check.seen, "yes" if check.held else "NO")
            for check in self.checks
        ]


def text(results: Sequence[Result]) -> str:
    """For the terminal: narrow enough to be read there."""
    lines: list[str] = []
    for result in results:
        lines += ["", result.fault]
        for _, must, seen, held in result.rows():
            lines.append(f"  {held:<8} {must}")
            lines.append(f"           {seen}")
    return "\n".join(lines)


def markdown(results: Sequence[Result], terms: str) -> str:
    """To be kept."""
    rows = [row for result in results for row in result.rows()]
    lines = [row_of(HEAD), row_of(["---"] * len(HEAD)), *map(row_of, rows)]
    return "\n".join(["# Chaos", "", f"{machine()}. {terms}", "", *lines, ""])


def none(number: int, what: str) -> Check:
    """None of these may be there."""
    return Check(f"0 {what}", f"{number}", number == 0)


def within(limit: float, seconds: Sequence[float], what: str) -> Check:
    """All of these took no longer, and there are some."""
    if not seconds:
        return Check(f"{what} ≤ {limit:g} s", "it never happened", held=False, steady=False)
    longest = max(seconds)
    several = f", {median(seconds):.2f} s in the middle, of {len(seconds):,}"
    seen = f"{longest:.2f} s at most" + several * (len(seconds) > 1)
    return Check(f"{what} ≤ {limit:g} s", seen, longest <= limit, steady=False)
