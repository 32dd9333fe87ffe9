"""What people may write: checked before any SQL, with the rule in the sentence."""

import re

from todo_graphql.errors import BadUserInput
from todo_graphql.store.models import DESCRIPTION_MAX_LENGTH, TITLE_MAX_LENGTH

# RFC 9562, section 4, and no other form that Python's UUID would read.
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def title(value: str, field: str) -> str:
    """Trimmed, 1 to 200 characters. Raises BadUserInput with `field`."""
    trimmed = storable(value, field).strip()
    if not any(character.isprintable() and character != " " for character in trimmed):
        raise BadUserInput("A title needs at least one character that can be seen.", field=field)
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


def storable(value: str, field: str) -> str:
    """The value, if PostgreSQL's `text` can hold it: neither NUL nor half a surrogate pair."""
    if not is_storable(value):
        raise BadUserInput("The text holds a NUL character or an unpaired surrogate.", field=field)
    return value


def is_storable(value: str) -> bool:
    """Whether PostgreSQL's `text`, in UTF-8, can hold the value."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
