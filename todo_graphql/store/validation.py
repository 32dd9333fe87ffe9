"""What people may write: checked before any SQL, with the rule in the sentence."""

import re
import unicodedata
from collections.abc import Sequence

from todo_graphql.errors import BadUserInput
from todo_graphql.store.models import (
    DESCRIPTION_MAX_LENGTH,
    TAG_MAX_LENGTH,
    TASK_MAX_TAGS,
    TITLE_MAX_LENGTH,
)

SEARCH_MAX_LENGTH = 10_000
"""Characters of a search that count."""

ONE_DUE_DATE = "A task is due on a day or at an instant, not both."

# RFC 9562, section 4, and no other form that Python's UUID would read.
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def title(value: str, field: str) -> str:
    """Trimmed, 1 to 200 characters. Raises BadUserInput with `field`."""
    trimmed = storable(value, field).strip()
    if not any(character.isprintable() and character != " " for character in trimmed):
        raise BadUserInput("A title must contain at least one visible character.", field=field)
    if len(trimmed) > TITLE_MAX_LENGTH:
        raise BadUserInput(f"A title has at most {TITLE_MAX_LENGTH} characters.", field=field)
    return trimmed


def description(value: str | None, field: str) -> str | None:
    """Kept as it is, up to 10,000 characters. Raises BadUserInput with `field`."""
    if value is None:
        return None
    if len(value) > DESCRIPTION_MAX_LENGTH:
        raise BadUserInput(
            f"A description has at most {DESCRIPTION_MAX_LENGTH:,} characters.", field=field
        )
    return storable(value, field)


def tags(values: Sequence[str], field: str) -> tuple[str, ...]:
    """Each trimmed, 1 to 50 characters, and no two the same but for case: the first one stays.

    Raises BadUserInput with `field`, followed by the number of the tag that is wrong.
    """
    unique: dict[str, str] = {}
    for number, value in enumerate(values):
        checked = tag(value, f"{field}.{number}")
        unique.setdefault(checked.lower(), checked)
    if len(unique) > TASK_MAX_TAGS:
        raise BadUserInput(f"A task has at most {TASK_MAX_TAGS} tags.", field=field)
    return tuple(unique.values())


def tag(value: str, field: str) -> str:
    """Trimmed, 1 to 50 characters, in the composed form. Raises BadUserInput with `field`."""
    trimmed = tag_to_find(value, field)
    if not any(character.isprintable() and character != " " for character in trimmed):
        raise BadUserInput("A tag needs at least one character that can be seen.", field=field)
    if len(trimmed) > TAG_MAX_LENGTH:
        raise BadUserInput(f"A tag has at most {TAG_MAX_LENGTH} characters.", field=field)
    return trimmed


def require_one_due_date(due_on: object, due_at: object, field: str) -> None:
    """Raise BadUserInput with `field` when both are there."""
    if due_on is not None and due_at is not None:
        raise BadUserInput(ONE_DUE_DATE, field=field)


def storable(value: str, field: str) -> str:
    """The value, if PostgreSQL's `text` can hold it: neither NUL nor half a surrogate pair."""
    if not is_storable(value):
        raise BadUserInput("The text holds a NUL character or an unpaired surrogate.", field=field)
    return value


def is_storable(value: str) -> bool:
    """Whether PostgreSQL's `text`, in UTF-8, can hold the value."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def tag_to_find(value: str, field: str) -> str:
    """A tag as it would have been kept. Raises BadUserInput with `field`."""
    return unicodedata.normalize("NFC", storable(value, field)).strip()


def search(value: str | None) -> str | None:
    """What to search for; None for a blank one. Nothing is refused: what PostgreSQL's `text`
    cannot hold is in no task.
    """
    cleaned = re.sub(r"[\0\ud800-\udfff]", " ", value or "").strip()
    return cleaned[:SEARCH_MAX_LENGTH] or None
