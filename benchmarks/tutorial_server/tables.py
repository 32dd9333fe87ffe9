"""The tables as SQLModel classes."""

import uuid
from datetime import UTC, date, datetime

from sqlalchemy import ARRAY, MetaData, Text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Column, Field, SQLModel

from todo_graphql.store.tasks.derived import derive


def now() -> datetime:
    return datetime.now(UTC)


class Row(SQLModel):
    """Base of the tables, apart from those of the package, whose names are the same."""

    metadata = MetaData()


class UserRow(Row, table=True):
    """The columns of users that the resolvers need."""

    __tablename__ = "users"

    id: uuid.UUID = Field(primary_key=True)
    revision: int = 0


class TaskRow(Row, table=True):
    """The columns of tasks that the resolvers need."""

    __tablename__ = "tasks"

    user_id: uuid.UUID = Field(primary_key=True, foreign_key="users.id")
    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    title: str
    description: str | None = None
    priority: int = 0
    due_on: date | None = None
    due_at: datetime | None = None
    due: datetime | None = None
    tags: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    completed_at: datetime | None = None
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)
    deleted_at: datetime | None = None
    revision: int
    rank: str = ""
    title_key: str = ""
    title_order: str = ""
    description_key: str | None = None
    tag_keys: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text)))
    words: str = Field(default="", sa_column=Column(TSVECTOR))

    def derive(self) -> None:
        """Set the derived columns."""
        texts = {"title": self.title, "description": self.description, "tags": self.tags}
        for name, value in derive(texts).items():
            setattr(self, name, value)
