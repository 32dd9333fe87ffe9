"""Validation of text input before any SQL runs."""

import re
import unicodedata
import uuid
from collections.abc import Collection, Sequence

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.models import (
    DESCRIPTION_MAX_LENGTH,
    TAG_MAX_LENGTH,
    TASK_MAX_TAGS,
    TITLE_MAX_LENGTH,
)
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.text.characters import find_control_character, is_visible
from todo_graphql.store.text.search import SEARCH_MAX_LENGTH, SEARCH_MAX_WORDS, Search
from todo_graphql.store.text.tags import tag_key

MAX_COMBINING_CHARACTERS = 30
"""Maximum number of consecutive combining characters, as in the Stream-Safe Text Format (UAX #15).
Normalization takes the square of their number.
"""

MAX_COMPOSED_CHARACTERS = 4
"""Maximum number of characters that NFC composes to one."""

# Characters of combining class 0 whose decompositions consist of combining characters.
DECOMPOSED_TO_COMBINING = "\u0f73\u0f75\u0f81"

TOO_MANY_TAGS = f"A task must have at most {TASK_MAX_TAGS} tags."
ONE_DUE_DATE = "A task can have `dueOn` or `dueAt`, not both."

# RFC 9562, section 4. Python's UUID accepts more forms.
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def require_task_id(task_id: uuid.UUID | None, user_id: str, field: str) -> None:
    """Raise BadUserInput with `field` if a task would have the id of its user: both are nodes."""
    if task_id is not None and str(task_id) == user_id:
        raise BadUserInput(
            "This id is in use by your user: a task needs an id of its own.",
            reason=InputReason.DUPLICATE,
            field=field,
        )


def title(value: str, field: str) -> str:
    """Return the trimmed title, of 1 to 200 characters. Raises BadUserInput with `field`."""
    trimmed = require_visible_line(storable(value, field).strip(), "title", field)
    if len(trimmed) > TITLE_MAX_LENGTH:
        raise BadUserInput(
            f"A title must have at most {TITLE_MAX_LENGTH} characters.",
            reason=InputReason.TOO_LONG,
            field=field,
            max=TITLE_MAX_LENGTH,
        )
    return trimmed


def require_visible_line(value: str, kind: str, field: str) -> str:
    """Return the value. Raises BadUserInput if no character is visible, or one is a control."""
    if find_control_character(value) is not None:
        raise BadUserInput(
            f"A {kind} must have one line: it must not contain control characters.",
            reason=InputReason.INVALID_CHARACTERS,
            field=field,
        )
    if not is_visible(value):
        raise BadUserInput(
            f"A {kind} must contain at least one visible character.",
            reason=InputReason.TOO_SHORT,
            field=field,
            min=1,
        )
    return value


def description(value: str | None, field: str) -> str | None:
    """Return the description, of at most 10,000 characters. Raises BadUserInput with `field`."""
    if value is None:
        return None
    if len(value) > DESCRIPTION_MAX_LENGTH:
        raise BadUserInput(
            f"A description must have at most {DESCRIPTION_MAX_LENGTH:,} characters.",
            reason=InputReason.TOO_LONG,
            field=field,
            max=DESCRIPTION_MAX_LENGTH,
        )
    return storable(value, field)


def tags(values: Sequence[str], field: str) -> tuple[str, ...]:
    """Return the trimmed tags. Of tags with the same key, the first one remains.

    Raises BadUserInput with `field`, followed by the index of the invalid tag, for each of them.
    """
    if not values:
        return ()
    with ProblemCollector() as collect:
        checked = [collect(tag, value, f"{field}.{n}") for n, value in enumerate(values)]
    unique: dict[str, str] = {}
    for value in checked:
        unique.setdefault(tag_key(value), value)
    require_few_tags(unique, field)
    return tuple(unique.values())


def require_few_tags(values: Collection[str], field: str) -> None:
    """Raise BadUserInput with `field` for more tags than a task can have."""
    if len(values) > TASK_MAX_TAGS:
        raise BadUserInput(
            TOO_MANY_TAGS, reason=InputReason.TOO_MANY, field=field, max=TASK_MAX_TAGS
        )


def tag(value: str, field: str) -> str:
    """Return the trimmed tag, of 1 to 50 characters, in NFC. Raises BadUserInput with `field`."""
    if len(value.strip()) > MAX_COMPOSED_CHARACTERS * TAG_MAX_LENGTH:
        raise _tag_too_long(field)
    trimmed = require_visible_line(tag_to_find(value, field), "tag", field)
    if len(trimmed) > TAG_MAX_LENGTH:
        raise _tag_too_long(field)
    return trimmed


def _tag_too_long(field: str) -> BadUserInput:
    return BadUserInput(
        f"A tag must have at most {TAG_MAX_LENGTH} characters.",
        reason=InputReason.TOO_LONG,
        field=field,
        max=TAG_MAX_LENGTH,
    )


def require_one_due_date(due_on: object, due_at: object, field: str) -> None:
    """Raise BadUserInput with `field` if a task has both kinds of due dates."""
    if due_on is not None and due_at is not None:
        raise BadUserInput(ONE_DUE_DATE, reason=InputReason.NOT_COMBINABLE, field=field)


def storable(value: str, field: str) -> str:
    """Return the value. Raises BadUserInput if PostgreSQL's `text` cannot store it."""
    if not is_storable(value):
        raise BadUserInput(
            "The text must not contain NUL characters or unpaired surrogates.",
            reason=InputReason.INVALID_CHARACTERS,
            field=field,
        )
    return value


def is_storable(value: str) -> bool:
    """Return whether PostgreSQL's `text`, in UTF-8, can store the value."""
    try:
        value.encode()
    except UnicodeEncodeError:  # an unpaired surrogate
        return False
    return "\0" not in value


def tag_to_find(value: str, field: str) -> str:
    """Return a tag in its stored form. Raises BadUserInput with `field`."""
    return unicodedata.normalize("NFC", composable(value, field)).strip()


def composable(value: str, field: str) -> str:
    """Return the value. Raises BadUserInput if its composed form cannot be stored.

    This is so if PostgreSQL cannot store it, if it is longer than any text of a task, or if it has
    too many consecutive combining characters.
    """
    if len(value) > DESCRIPTION_MAX_LENGTH:
        raise BadUserInput(
            f"The text must have at most {DESCRIPTION_MAX_LENGTH:,} characters.",
            reason=InputReason.TOO_LONG,
            field=field,
            max=DESCRIPTION_MAX_LENGTH,
        )
    consecutive = 0
    for character in "" if value.isascii() else value:
        is_combining = unicodedata.combining(character) or character in DECOMPOSED_TO_COMBINING
        consecutive = consecutive + 1 if is_combining else 0
        if consecutive > MAX_COMBINING_CHARACTERS:
            raise BadUserInput(
                f"The text must have at most {MAX_COMBINING_CHARACTERS} consecutive combining "
                "characters.",
                reason=InputReason.INVALID_CHARACTERS,
                field=field,
            )
    return storable(value, field)


def search(value: str | None) -> Search | None:
    """Return a search; None if it is blank."""
    text = searchable(value)
    return Search(text) if text else None


def whole_search(value: str | None, field: str) -> Search | None:
    """Return a search. Raises BadUserInput with `field` if a part of it would be ignored."""
    if value is not None and len(value) > SEARCH_MAX_LENGTH:
        raise BadUserInput(
            f"A search must have at most {SEARCH_MAX_LENGTH:,} characters.",
            reason=InputReason.TOO_LONG,
            field=field,
            max=SEARCH_MAX_LENGTH,
        )
    found = search(value)
    if found is not None and len(found.words) > SEARCH_MAX_WORDS:
        raise BadUserInput(
            f"In a mutation, a search must have at most {SEARCH_MAX_WORDS} different words.",
            reason=InputReason.TOO_MANY,
            field=field,
            max=SEARCH_MAX_WORDS,
        )
    return found


def searchable(value: str | None) -> str:
    """Return the text of a search without characters that no task can contain."""
    cleaned = re.sub(r"[\0\ud800-\udfff]", " ", value or "").strip()
    return cleaned[:SEARCH_MAX_LENGTH]
