"""The context of resolvers."""

import uuid
from typing import TypeAlias

import strawberry
from sqlmodel import Session
from strawberry.fastapi import BaseContext


class Context(BaseContext):
    """The session and the user of a request."""

    def __init__(self, session: Session, user_id: uuid.UUID) -> None:
        super().__init__()
        self.session = session
        self.user_id = user_id


Info: TypeAlias = strawberry.Info[Context, None]
