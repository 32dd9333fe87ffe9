"""Three-way merge of the values of a task, field by field.

The *base* is the state that a client began with, *new* is the state after its edits, and *present*
is the state on the server, which others may have changed since. The due date is one field, `due`:
the day and the time, of which at most one is set.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from todo_graphql.store.text.tags import edit_tags, tag_key

Values: TypeAlias = Mapping[str, Any]
"""Values of fields in the output format, and `trashed`."""

UNKNOWN: Any = object()
"""A base that equals no value."""

EMPTY: Values = MappingProxyType({"priority": 0, "due": (None, None), "tags": [], "trashed": False})
"""The empty values of fields, for which it is not None."""


class Merge(NamedTuple):
    """Result of a merge: the values to set, and the fields that stay unchanged.

    These fields keep their present value although the client changed them to another one.
    """

    changes: dict[str, Any]
    conflicts: frozenset[str]


def merge_values(base: Values | None, new: Values, present: Values) -> Merge:
    """Merge the fields of `new`. Without a base, the client assumes that there is no task.

    A field that the base omits was empty.
    """
    changes: dict[str, Any] = {}
    conflicts = set()
    for name, value in new.items():
        begun = UNKNOWN if base is None else base.get(name, EMPTY.get(name))
        merged = _merge_field(name, begun, value, present[name])
        if merged is UNKNOWN:
            conflicts.add(name)
        elif merged != present[name]:
            changes[name] = merged
    return Merge(changes, frozenset(conflicts))


def _merge_field(name: str, base: Any, new: Any, present: Any) -> Any:
    """Return the merged value, UNKNOWN for a conflict."""
    if new in (base, present):
        return present
    if base == present:
        return new
    if name == "tags":
        return _merge_tags(base, new, present)
    if name == "completed_at" and not base and new and present:
        return present  # both completed the task
    return UNKNOWN


def _merge_tags(base: Any, new: Sequence[str], present: Sequence[str]) -> Any:
    """Apply the additions and removals of the client to the present tags."""
    keys = {tag_key(tag) for tag in new}
    if base is UNKNOWN:
        return present if keys == set(map(tag_key, present)) else UNKNOWN
    begun = {tag_key(tag) for tag in base}
    added = [tag for tag in new if tag_key(tag) not in begun]
    removed = [tag for tag in base if tag_key(tag) not in keys]
    return edit_tags(present, added, removed)
