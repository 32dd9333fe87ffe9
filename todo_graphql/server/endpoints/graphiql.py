"""GET /graphql: the page of GraphiQL, with example operations."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from todo_graphql.server.endpoints.graphiql_hosts import names_this_machine
from todo_graphql.server.http.content_negotiation import header, prefers_html

PAGE = Path(__file__).with_name("graphiql.html")

EXAMPLES = (
    """# Press ⌘/Ctrl + Enter or the button to run this operation.
# The next tabs list your tasks and complete one.

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
    """# Your open tasks, newest first. For the next page,
# set the variable `after` to `endCursor`.

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
    """# Set the variable `id` below to the id of a task.

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
# GraphiQL 3 opens the first tab without its variables: the first operation needs none.
VARIABLES: tuple[dict[str, object], ...] = ({}, {}, {"id": ""})


class GraphiQLPage:
    """The page, which requires no token.

    A `token` signs the requests of the page in. Such a page is served only under a name of this
    machine.
    """

    def __init__(self, token: str | None, listening_on: str) -> None:
        self._page = render_page(token)
        self._policy = content_security_policy(self._page)
        self._has_token = token is not None
        self._listening_on = listening_on

    def is_requested(self, scope: Scope) -> bool:
        """Return whether a browser opens the URL. A script of another origin, which sends an
        `Origin`, must not read the token.
        """
        accepted = header(scope, b"accept")
        return accepted is not None and prefers_html(accepted) and header(scope, b"origin") is None

    def response(self, scope: Scope) -> Response:
        """Return the page. Raises HTTPException for a token under the name of another machine."""
        if self._has_token:
            require_own_host(header(scope, b"host") or "", self._listening_on)
        return HTMLResponse(self._page, headers={"Content-Security-Policy": self._policy})


def require_own_host(host: str, listening_on: str) -> None:
    """Raise HTTPException unless the `Host` of the request is a name of this machine."""
    if not names_this_machine(host, listening_on):
        raise HTTPException(
            421,
            "Unknown host: this page contains a token and requires a name of this machine. Open it "
            "at localhost or 127.0.0.1, or set HOST to the name.",
        )


def render_page(token: str | None) -> str:
    """Return the page with its configuration, as JSON that cannot end the script around it."""
    tabs = [
        {"query": query, "variables": json.dumps(variables, indent=2)}
        for query, variables in zip(EXAMPLES, VARIABLES, strict=True)
    ]
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    configuration = json.dumps({"headers": headers, "tabs": tabs}).replace("<", "\\u003c")
    return PAGE.read_text(encoding="utf-8").replace("{/* configuration */}", configuration)


def content_security_policy(page: str) -> str:
    """Return the Content-Security-Policy of the page.

    Only its own script and the files that it names run. It connects to this server only, and is
    never framed. Inline styles are for GraphiQL's dialogs, and data URLs for the fonts and images
    in its style sheet.
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
