"""Quota of a user: limits of the stored tasks, SQL expressions of their size, and the error.

The size of a task is the UTF-8 length of its title, its description and its tags.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Integer, bindparam, func

from todo_graphql.errors import QuotaExceeded

TASKS_LIMIT = bindparam("tasks_limit", type_=Integer())
BYTES_LIMIT = bindparam("bytes_limit", type_=BigInteger())
"""The viewer's limits. `ViewerConnection` sets them."""


class Quota(NamedTuple):
    """Maximum numbers of tasks and of bytes of one user, the trash included."""

    tasks: int
    bytes: int


UNLIMITED = Quota(2_147_483_647, 2_147_483_647)
"""The greatest quota, which GraphQL's Int can represent."""


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


def quota_error(
    limits: Mapping[str, int], used: Sequence[int], added: Sequence[int], advice: str
) -> QuotaExceeded | None:
    """Return the error of an addition that exceeds one of the limits, which have names."""
    for (name, limit), present, requested in zip(limits.items(), used, added, strict=True):
        if requested > 0 and present + requested > limit:
            return QuotaExceeded(
                f"Quota exceeded: `{name}` is {present:,} of {limit:,}, and the write adds "
                f"{requested:,}. {advice}",
                name=name,
                limit=limit,
                used=present,
                requested=requested,
            )
    return None
