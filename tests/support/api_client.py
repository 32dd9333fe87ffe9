"""API clients: users with a token who send operations over HTTP."""

import json
import uuid
from typing import Any

import httpx

from tests.support import plain_http
from todo_graphql.dev.demo_user import token_for
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Viewer

TASK = (
    "id title description completed completedAt priority dueOn dueAt tags"
    " createdAt updatedAt deletedAt revision"
)
CREATE = "mutation ($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }"
UPDATE = (
    "mutation ($id: ID!, $input: UpdateTaskInput!)"
    " { updateTask(id: $id, input: $input) { revision task { %s } } }" % TASK
)


class Person:
    """A new user with a valid token."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.viewer = Viewer(uuid.uuid4(), "someone@example.com")
        self.id = str(self.viewer.id)
        self.token = token_for(self.viewer, settings, 3_600)
        self.url = url

    def post(self, document: str, **variables: Any) -> httpx.Response:
        return plain_http.post(
            f"{self.url}/graphql",
            content=json.dumps({"query": document, "variables": variables}),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
            timeout=30,
        )

    def ask(self, document: str, **variables: Any) -> Any:
        """Send an operation, assert that it has no errors, and return its data."""
        response = self.post(document, **variables)
        answer = response.json()
        assert (response.status_code, answer.get("errors")) == (200, None), answer
        return answer["data"]

    def refusal(self, document: str, **variables: Any) -> dict[str, Any]:
        """Return the extensions and the message of an operation's only error."""
        (error,) = self.post(document, **variables).json()["errors"]
        return {**error["extensions"], "message": error["message"]}

    def create(self, title: str = "Buy milk", **given: Any) -> Any:
        document = (
            "mutation ($input: CreateTaskInput!) { createTask(input: $input) { task { %s } } }"
        )
        return self.ask(document % TASK, input={"title": title, **given})["createTask"]["task"]

    def find(self, task_id: str) -> Any:
        """Return the task, or None if it does not exist."""
        document = "query ($id: ID!) { task(id: $id) { %s } }"
        return self.ask(document % TASK, id=task_id)["task"]

    def update(self, task: Any, **given: Any) -> Any:
        """Update these fields and return the task."""
        return self.ask(UPDATE, id=task["id"], input=given)["updateTask"]["task"]

    def change(self, verb: str, task_id: str) -> Any:
        """Run a mutation whose only argument is the id, and return the task."""
        document = "mutation ($id: ID!) { %s(id: $id) { task { %s } } }"
        return self.ask(document % (verb, TASK), id=task_id)[verb]["task"]

    def create_many(self, *titles: str, **given: Any) -> list[Any]:
        """Create tasks in one mutation and return them in order."""
        document = (
            "mutation ($input: [CreateTaskInput!]!) { createTasks(input: $input) { tasks { %s } } }"
        )
        new = [{"title": title, **given} for title in titles]
        tasks: list[Any] = self.ask(document % TASK, input=new)["createTasks"]["tasks"]
        return tasks

    def titles(self, **arguments: Any) -> list[str]:
        """Return the titles of the first 100 tasks."""
        document = """query ($filter: TaskFilter, $orderBy: [TaskOrder!]) {
            tasks(filter: $filter, orderBy: $orderBy, first: 100) { nodes { title } }
        }"""
        return [task["title"] for task in self.ask(document, **arguments)["tasks"]["nodes"]]

    def revision(self) -> int:
        return int(self.ask("{ me { revision } }")["me"]["revision"])
