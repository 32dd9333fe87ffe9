"""Sync cursor: the place of a client in the changes of a user."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple, Self

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.validation import UUID_TEXT

VERSION = 1
MAX_LENGTH = 400
LARGEST_BIGINT = 2**63 - 1
FIRST_ID = "00000000-0000-0000-0000-000000000000"
LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"


class SyncCursor(NamedTuple):
    """Place in the changes of a user: behind the task `task_id` of a revision.

    It is valid in one `history` of the database and one `life` of the user, which ends with the
    account. A client that began without tasks at revision `base` needs no older tombstones.
    """

    history: str
    life: str | None
    revision: int
    task_id: str
    base: int

    def encode(self) -> str:
        content = json.dumps([VERSION, *self], separators=(",", ":"))
        return urlsafe_b64encode(content.encode()).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str, field: str) -> Self:
        """Decode a cursor. Raises BadUserInput with `field` for any other text."""
        try:
            return cls._read(text)
        except (ValueError, TypeError, RecursionError):
            raise BadUserInput(
                "Invalid cursor: it must be the `cursor` of `taskChanges`.",
                reason=InputReason.INVALID_FORMAT,
                field=field,
            ) from None

    @classmethod
    def _read(cls, text: str) -> Self:
        if len(text) > MAX_LENGTH:
            raise ValueError
        content = urlsafe_b64decode((text + "=" * (-len(text) % 4)).encode("ascii")).decode()
        version, history, life, revision, task_id, base = json.loads(content)
        numbers = (revision, base)
        if (
            version != VERSION
            or not (isinstance(history, str) and isinstance(life, str | None))
            or not UUID_TEXT.fullmatch(task_id)
            or not all(type(n) is int and 0 <= n <= LARGEST_BIGINT for n in numbers)
        ):
            raise ValueError
        return cls(history, life, revision, task_id, base)

    def is_valid_in(self, history: str, life: str | None, revision: int, forgotten: int) -> bool:
        """Return whether the client misses nothing if it goes on from here.

        The cursor is in the same history and life, not ahead of the user's `revision`, and not
        behind a `forgotten` tombstone. `forgotten` is the last revision of these tombstones, in any
        order of their tasks.
        """
        has_seen_nothing = self.life is None and self.revision == 0
        last_whole = self.revision if self.task_id == LAST_ID else self.revision - 1
        return (
            self.history == history
            and (self.life == life or has_seen_nothing)
            and self.revision <= revision
            and (max(last_whole, self.base) >= forgotten or has_seen_nothing)
        )
