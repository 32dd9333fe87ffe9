"""Tasks as they come and go: what a new one is made of, and what is read of one."""

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement

from todo_graphql.store.models import TASKS
from todo_graphql.store.wire import identifier, moment


class TaskRow(NamedTuple):
    """A task in the form in which it leaves: ids and RFC 3339 instants are text."""

    id: str
    title: str
    description: str | None
    completed_at: str | None
    created_at: str
    updated_at: str
    deleted_at: str | None
    revision: int


# The columns of a TaskRow, in its order.
WIRE: tuple[ColumnElement[Any], ...] = (
    identifier(TASKS.c.id),
    TASKS.c.title,
    TASKS.c.description,
    moment(TASKS.c.completed_at),
    moment(TASKS.c.created_at),
    moment(TASKS.c.updated_at),
    moment(TASKS.c.deleted_at),
    TASKS.c.revision,
)


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to create. With an id of the client's, the same create may be sent again."""

    title: str
    description: str | None = None
    id: uuid.UUID | None = None

    def digest(self) -> bytes | None:
        """What tells this create from another one under the same id.

        Fields that were not given do not count, so that a field added to this class leaves
        the digests of older creates as they are.
        """
        if self.id is None:
            return None
        content = {"title": self.title, "description": self.description}
        given = {name: value for name, value in content.items() if value is not None}
        return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).digest()
