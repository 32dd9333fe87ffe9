"""The tables. Limits stand as constants beside the column that they bound."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, LargeBinary, Text, func, text
from sqlmodel import Column, Field, ForeignKey, MetaData, Relationship, SQLModel

TITLE_MAX_LENGTH = 200
DESCRIPTION_MAX_LENGTH = 10_000

# Every constraint has a name that follows from what it is, so that a migration can
# drop it and a violation can be mapped to a Problem.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata: MetaData = SQLModel.metadata


class User(SQLModel, table=True):
    """A person, known by the `sub` of their token. The row appears with the first write.

    `revision` orders everything that is theirs: each write takes the next number under
    this row's lock and stamps it on the tasks that it touched. It never goes back.
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

    tasks: list["Task"] = Relationship(back_populates="user", passive_deletes="all")


class Task(SQLModel, table=True):
    """Something to do. It cannot even be named without its owner: the key is (user_id, id)."""

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint(f"char_length(title) BETWEEN 1 AND {TITLE_MAX_LENGTH}", "title_length"),
        CheckConstraint(
            f"char_length(description) <= {DESCRIPTION_MAX_LENGTH}", "description_length"
        ),
        # One index for each list that a person looks at, in its order: the tasks, the
        # open ones, the trash.
        Index(
            "ix_tasks_live",
            "user_id",
            "created_at",
            "id",
            postgresql_where=text("deleted_at IS NULL"),
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
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))
    creation_digest: bytes | None = Field(
        default=None,
        sa_column=Column(LargeBinary, nullable=True),
        description="SHA-256 of the create that a client gave an id to: it tells the same create, "
        "sent again, from another one under the same id, however often the task was edited since.",
    )

    user: User = Relationship(back_populates="tasks")


USERS = metadata.tables["users"]
TASKS = metadata.tables["tasks"]
