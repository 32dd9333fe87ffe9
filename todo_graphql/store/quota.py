"""Quota of a user: limits of the stored tasks, and SQL expressions of their size.

The size of a task is the UTF-8 length of its title, its description and its tags.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Integer, bindparam, func

TASKS_LIMIT = bindparam("tasks_limit", type_=Integer())
BYTES_LIMIT = bindparam("bytes_limit", type_=BigInteger())
"""The viewer's limits. `ViewerConnection` sets them."""


class Quota(NamedTuple):
    """Maximum numbers of tasks and of bytes of one user, the trash included."""

    tasks: int
    bytes: int


class Growth(NamedTuple):
    """Numbers of tasks and of bytes that a write adds. Negative numbers release storage.

    `tasks` is None for a write that adds no task.
    """

    tasks: ColumnElement[int] | None
    bytes: ColumnElement[int]


BYTES: Mapping[str, Callable[[ColumnElement[Any]], ColumnElement[int]]] = MappingProxyType(
    {
        "title": func.octet_length,
        "description": lambda text: func.coalesce(func.octet_length(text), 0),
        "tags": lambda tags: func.octet_length(func.array_to_string(tags, "")),
    }
)
"""The columns that count, with their size."""


def count_bytes(values: Mapping[str, ColumnElement[Any]]) -> ColumnElement[int]:
    """Return the size of these columns of a task, of which at least one counts."""
    first, *others = (size(values[name]) for name, size in BYTES.items() if name in values)
    for size in others:
        first += size
    return first
