"""What the doctor says."""

from dataclasses import dataclass

GOOD, ADVICE, FATAL = "✓", "!", "✗"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ✓ good, ! could be better, ✗ keeps `serve` from working."""

    mark: str
    sentence: str

    @property
    def is_fatal(self) -> bool:
        """Whether this keeps `serve` from working safely."""
        return self.mark == FATAL
