"""Table models, and the limits of their columns."""

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Column, Field, ForeignKey, MetaData, Relationship, SQLModel

TITLE_MAX_LENGTH = 200
DESCRIPTION_MAX_LENGTH = 10_000
TAG_MAX_LENGTH = 50
TASK_MAX_TAGS = 20
IDEMPOTENCY_KEY_MAX_LENGTH = 100
MAX_TOMBSTONES = 10_000
"""The most tombstones of a user. A client that needs older ones reads all tasks anew."""


class Priority(IntEnum):
    """Priority levels of a task. The column stores the number, so that it sorts."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    URGENT = 4


# Every constraint has a conventional name, so that a migration can drop it and a violation
# maps to a Problem.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata: MetaData = SQLModel.metadata


@dataclass(frozen=True, slots=True)
class Viewer:
    """User of the verified token, on whose behalf an operation runs."""

    id: uuid.UUID
    email: str | None = None
    key: str = field(init=False, repr=False, compare=False)
    """The id as text. Its hash is computed once, unlike that of a UUID."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", str(self.id))


class User(SQLModel, table=True):
    """User, identified by the `sub` of the token. The first write creates the row.

    `revision` orders the user's writes and never decreases. Each write takes the next number
    under this row's lock and stores it in the tasks that it changes.

    `task_count` and `task_bytes` are the user's storage while `counted_revision` equals `revision`.
    A write that does not count increments `revision` alone.

    `written_at` is the latest stamp of the user's tasks. It increases with the revision.
    """

    __tablename__ = "users"

    id: uuid.UUID = Field(primary_key=True)
    email: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    revision: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    created_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now())
    )
    task_count: int = Field(
        default=0, sa_column=Column(Integer, nullable=False, server_default=text("0"))
    )
    task_bytes: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    counted_revision: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    forgotten_revision: int = Field(
        default=0,
        sa_column=Column(BigInteger, nullable=False, server_default=text("0")),
        description="The greatest revision of a tombstone that was deleted.",
    )

    written_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )

    tasks: list["Task"] = Relationship(back_populates="user", passive_deletes="all")


LIVE = text("deleted_at IS NULL")
ORDERS = {
    "updated": "updated_at",
    "due": "due",
    "priority": "priority",
    "title_order": "title_order",
    "completed": "completed_at",
}


class Task(SQLModel, table=True):
    """To-do item. The primary key includes the owner, so no statement names a task without it."""

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint(f"char_length(title) BETWEEN 1 AND {TITLE_MAX_LENGTH}", "title_length"),
        CheckConstraint(
            f"char_length(description) <= {DESCRIPTION_MAX_LENGTH}", "description_length"
        ),
        CheckConstraint(f"priority BETWEEN 0 AND {max(Priority):d}", "priority_range"),
        CheckConstraint("due_on IS NULL OR due_at IS NULL", "due_exclusive"),
        CheckConstraint(f"cardinality(tags) <= {TASK_MAX_TAGS}", "tags_number"),
        # One index for each common list, in its default order: all tasks, open tasks, the trash.
        Index(
            "ix_tasks_live",
            "user_id",
            "created_at",
            "id",
            postgresql_where=LIVE,
        ),
        Index(
            "ix_tasks_open",
            "user_id",
            "created_at",
            "id",
            postgresql_where=text("deleted_at IS NULL AND completed_at IS NULL"),
        ),
        Index(
            "ix_tasks_trash",
            "user_id",
            "created_at",
            "id",
            postgresql_where=text("deleted_at IS NOT NULL"),
        ),
        # One index for each other order. A move searches for neighbours in all tasks.
        *(
            Index(f"ix_tasks_{name}", "user_id", column, "id", postgresql_where=LIVE)
            for name, column in ORDERS.items()
        ),
        Index("ix_tasks_rank", "user_id", "rank", "id"),
        # The changes since a revision, in all tasks.
        Index("ix_tasks_revision", "user_id", "revision", "id"),
    )

    user_id: uuid.UUID = Field(
        sa_column=Column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    )
    id: uuid.UUID = Field(
        primary_key=True, sa_column_kwargs={"server_default": func.gen_random_uuid()}
    )
    title: str = Field(sa_column=Column(Text, nullable=False))
    description: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    completed_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    created_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now())
    )
    updated_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now())
    )
    deleted_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    priority: int = Field(
        default=Priority.NONE,
        sa_column=Column(SmallInteger, nullable=False, server_default=text("0")),
    )
    due_on: date | None = None
    due_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    tags: list[str] = Field(
        default=[], sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'"))
    )
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))
    rank: str = Field(
        sa_column=Column(Text(collation="C"), nullable=False),
        description="The fractional index of the task in the manual order: the revision, as text "
        "that sorts like the number, or a text between the ranks of two neighbours.",
    )
    creation_digest: bytes | None = Field(
        default=None,
        sa_column=Column(LargeBinary, nullable=True),
        description="SHA-256 of the input of a create with a client-supplied id. It distinguishes "
        "a repeated create from a different one with the same id, also after edits of the task.",
    )

    # `store.tasks.derived` computes these columns, which are written with their sources. They are
    # plain columns, because below row-level security only comparisons of plain columns can use an
    # index. PostgreSQL compares them byte by byte.
    due: datetime | None = Field(
        default=None,
        sa_column=Column(DateTime(timezone=True), nullable=True),
        description="`due_at`, or the first instant of `due_on` in UTC.",
    )
    title_key: str = Field(
        sa_column=Column(Text(collation="C"), nullable=False),
        description="The title without case and accents.",
    )
    title_order: str = Field(
        sa_column=Column(Text(collation="C"), nullable=False),
        description="A text that sorts as people sort titles, numbers by their value.",
    )
    description_key: str | None = Field(
        default=None,
        sa_column=Column(Text(collation="C"), nullable=True),
        description="The description without case and accents, if that differs from it.",
    )
    tag_keys: list[str] = Field(
        sa_column=Column(ARRAY(Text), nullable=False),
        description="The tags without case and accents.",
    )
    words: str = Field(
        sa_column=Column(TSVECTOR, nullable=False),
        description="The search words of the title, the tags and the description.",
    )

    user: User = Relationship(back_populates="tasks")


class Tombstone(SQLModel, table=True):
    """Trace of a task that was deleted permanently, for clients that may still hold the task."""

    __tablename__ = "tombstones"
    __table_args__ = (Index("ix_tombstones_revision", "user_id", "revision", "task_id"),)

    user_id: uuid.UUID = Field(
        sa_column=Column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    )
    task_id: uuid.UUID = Field(primary_key=True)
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))
    created_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now())
    )


class DatabaseHistory(SQLModel, table=True):
    """Identity of the database's history.

    A restored backup continues an earlier state, so it must begin another history. The table has
    one row, and no data of users.
    """

    __tablename__ = "database_history"
    __table_args__ = (CheckConstraint("is_current", "one_row"),)

    is_current: bool = Field(
        default=True,
        sa_column=Column(Boolean, primary_key=True, server_default=text("true")),
    )
    id: uuid.UUID = Field(sa_column_kwargs={"server_default": func.gen_random_uuid()})


class IdempotencyKey(SQLModel, table=True):
    """Stored response of a mutation with an idempotency key."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint(
            f"char_length(key) BETWEEN 1 AND {IDEMPOTENCY_KEY_MAX_LENGTH}", "key_length"
        ),
    )

    # No foreign key: a deletion of the account deletes the other keys, and its own key is stored
    # after it. Otherwise a repeated deletion would delete the data of an account created since.
    user_id: uuid.UUID = Field(primary_key=True)
    key: str = Field(sa_column=Column(Text, primary_key=True))
    digest: bytes = Field(
        sa_column=Column(LargeBinary, nullable=False),
        description="SHA-256 of the mutation and its arguments.",
    )
    answer: str = Field(sa_column=Column(Text, nullable=False), description="The payload, as JSON.")
    created_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now())
    )


USERS = metadata.tables["users"]
TASKS = metadata.tables["tasks"]
TOMBSTONES = metadata.tables["tombstones"]
DATABASE_HISTORY = metadata.tables["database_history"]
IDEMPOTENCY_KEYS = metadata.tables["idempotency_keys"]
