"""GET /graphql: GraphiQL, with operations to begin with."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from todo_graphql.server import routes
from todo_graphql.server.endpoints.graphiql_hosts import names_this_machine

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


def graphiql_router(token: str | None, listening_on: str) -> APIRouter:
    """The page needs no token. With one, its requests are that user's until it is overridden
    in the headers below the editor; then it is for those only who call this machine by its name.
    """
    router = APIRouter()
    page = render(token)
    policy = policy_of(page)

    @router.api_route(routes.GRAPHQL, methods=["GET", "HEAD"])
    async def graphiql(request: Request) -> HTMLResponse:
        if "query" in request.query_params and "text/html" not in request.headers.get("accept", ""):
            raise HTTPException(405, "Send operations by POST.", {"Allow": "POST"})
        if "sec-websocket-version" in request.headers:
            raise HTTPException(405, "There are no WebSockets here.", {"Allow": "POST"})
        if token is not None:
            require_own_name(request, listening_on)
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    return router


def require_own_name(request: Request, listening_on: str) -> None:
    """Raises HTTPException for a page that has made its own name lead here."""
    if not names_this_machine(request.headers.get("host", ""), listening_on):
        raise HTTPException(
            421,
            "This page holds a token, so it is only for those who call this machine by its own "
            "name: open it at localhost or 127.0.0.1, or start with HOST set to the name.",
        )


def render(token: str | None) -> str:
    """The page, with its configuration as JSON that cannot end the script around it."""
    tabs = [
        {"query": query, "variables": json.dumps(variables, indent=2)}
        for query, variables in zip(EXAMPLES, VARIABLES, strict=True)
    ]
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    configuration = json.dumps({"headers": headers, "tabs": tabs}).replace("<", "\\u003c")
    return PAGE.read_text(encoding="utf-8").replace("{/* configuration */}", configuration)


def policy_of(page: str) -> str:
    """The Content-Security-Policy of the page: only its own script runs, and the files that it
    names; it speaks to this server only; nobody frames it.

    Styles may be written by scripts: GraphiQL's dialogs do so when they open. Its style sheet
    brings fonts and little pictures in itself.
    """
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    scripts = " ".join(re.findall(r'<script[^>]*src="([^"]+)"', page))
    (styles,) = re.findall(r'<link[^>]*href="([^"]+)"', page)
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'sha256-{digest}' {scripts}",
            f"style-src 'unsafe-inline' {styles}",
            "font-src data:",
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
