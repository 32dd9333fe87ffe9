"""The limits on concurrent exports: a few for each user, and a number in total."""

from todo_graphql.errors import Unavailable

MAX_OWNER_EXPORTS = 2
MAX_EXPORTS = 40
"""The most exports of a process. Each has a page, a part of the file and a write buffer in memory,
about 3 MB.
"""

RETRY_AFTER_SECONDS = 5

ALREADY_RUNNING = (
    f"{MAX_OWNER_EXPORTS} exports of yours are running. Try again when one of them has finished."
)
TOO_MANY = "Too many exports are running. Try again in a moment."


def require_export_slot(own: int, total: int) -> None:
    """Raise Unavailable if these running exports leave no slot."""
    if own >= MAX_OWNER_EXPORTS:
        raise Unavailable(ALREADY_RUNNING, retry_after=RETRY_AFTER_SECONDS)
    if total >= MAX_EXPORTS:
        raise Unavailable(TOO_MANY, retry_after=RETRY_AFTER_SECONDS)
