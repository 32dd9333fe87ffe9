"""Findings of the command `doctor`."""

from dataclasses import dataclass

GOOD, ADVICE, FATAL = "✓", "!", "✗"


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of an examination: ✓ good, ! advice, ✗ prevents `serve` from working safely."""

    mark: str
    sentence: str

    @property
    def is_fatal(self) -> bool:
        """True if the finding prevents `serve` from working safely."""
        return self.mark == FATAL
