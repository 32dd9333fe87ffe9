"""GET /graphql: GraphiQL, with operations to begin with."""

import json
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

PAGE = Path(__file__).with_name("graphiql.html")

EXAMPLES = (
    """# Press ⌘/Ctrl + Enter, or the button, to run this.
# The next tabs list your tasks and change one.

mutation CreateTask {
  createTask(input: { title: "Buy milk" }) {
    task {
      id
      title
      completed
      revision
    }
  }
}
""",
    """# Your open tasks, newest first, in pages: for the
# next one put `endCursor` into the variable `after`.

query Tasks($after: String) {
  tasks(first: 10, after: $after, filter: { completed: false }) {
    totalCount
    nodes {
      id
      title
      description
      createdAt
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
""",
    """# Put the id of a task into the variables below.

mutation CompleteTask($id: ID!) {
  completeTask(id: $id) {
    task {
      id
      title
      completedAt
      user {
        email
        revision
      }
    }
  }
}
""",
)
# GraphiQL 3 opens the first tab without its variables, so the first operation needs none.
VARIABLES: tuple[dict[str, object], ...] = ({}, {}, {"id": ""})


def graphiql_router(token: str | None) -> APIRouter:
    """The page needs no token. With one, its requests are that user's until it is overridden
    in the headers below the editor.
    """
    router = APIRouter()
    page = render(token)

    @router.get("/graphql")
    async def graphiql(request: Request) -> HTMLResponse:
        if "query" in request.query_params and "text/html" not in request.headers.get("accept", ""):
            raise HTTPException(405, "Send operations by POST.", {"Allow": "POST"})
        # The page may hold a token, and the next start of `dev` makes another one.
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})

    return router


def render(token: str | None) -> str:
    """The page, with its configuration as JSON that cannot end the script around it."""
    tabs = [
        {"query": query, "variables": json.dumps(variables, indent=2)}
        for query, variables in zip(EXAMPLES, VARIABLES, strict=True)
    ]
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    configuration = json.dumps({"headers": headers, "tabs": tabs}).replace("<", "\\u003c")
    return PAGE.read_text(encoding="utf-8").replace("{/* configuration */}", configuration)
