"""The minimum data rate: the limit for the time that a sender may take."""

from typing import NamedTuple


class MinDataRate(NamedTuple):
    """A grace period, and a number of bytes per second that the sender must average after it."""

    grace_seconds: float
    bytes_per_second: int

    def allowed_seconds(self, received: int) -> float:
        """Return the time that may have passed when this number of bytes has arrived."""
        return self.grace_seconds + received / self.bytes_per_second
