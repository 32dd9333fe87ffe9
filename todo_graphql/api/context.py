"""What every resolver gets."""

from typing import TypeAlias

import strawberry

from todo_graphql.errors import Forbidden
from todo_graphql.store.database import Viewer, ViewerConnection
from todo_graphql.store.retries import Retries
from todo_graphql.store.tasks import Tasks
from todo_graphql.store.users import Users


class Context:
    """Who is asking, and the one connection on which the operation asks."""

    def __init__(self, viewer: Viewer, connection: ViewerConnection, request_id: str) -> None:
        self.request_id = request_id
        self.viewer = viewer
        self.connection = connection
        self.users = Users(connection, viewer)
        self.retries = Retries(connection, viewer)
        self._tasks = Tasks(connection, viewer)

    def tasks(self, user_id: str | None = None) -> Tasks:
        """The viewer's tasks: the only way to any task.

        A `userId` that names someone else raises Forbidden: the client said so itself.
        """
        if user_id is not None and user_id.lower() != str(self.viewer.id):
            raise Forbidden("`userId` names someone else; leave it out, or send your own.")
        return self._tasks


Info: TypeAlias = strawberry.Info[Context, None]
