"""The page of GraphiQL, with example operations.

GraphiQL comes from a CDN. The page starts a small editor of its own where that does not load.
"""

import json
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

ASSETS = Path(__file__).with_name("graphiql_assets")

CDN = "https://unpkg.com"

FILES = (
    {
        "kind": "link",
        "url": f"{CDN}/graphiql@3.8.3/graphiql.min.css",
        "integrity": "sha384-Mq3vbRBY71jfjQAt/DcjxUIYY33ksal4cgdRt9U/hNPvHBCaT2JfJ/PTRiPKf0aM",
    },
    {
        "kind": "script",
        "url": f"{CDN}/react@18.2.0/umd/react.production.min.js",
        "integrity": "sha384-tMH8h3BGESGckSAVGZ82T9n90ztNXxvdwvdM6UoR56cYcf+0iGXBliJ29D+wZ/x8",
    },
    {
        "kind": "script",
        "url": f"{CDN}/react-dom@18.2.0/umd/react-dom.production.min.js",
        "integrity": "sha384-bm7MnzvK++ykSwVJ2tynSE5TRdN+xL418osEVF2DE/L/gfWHj91J2Sphe582B1Bh",
    },
    {
        "kind": "script",
        "url": f"{CDN}/graphiql@3.8.3/graphiql.min.js",
        "integrity": "sha384-HbRVEFG0JGJZeAHCJ9Xm2+tpknBQ7QZmNlO/DgZtkZ0aJSypT96YYGRNod99l9Ie",
    },
)
"""The files of GraphiQL, in the order in which they run, with their hashes."""

EXAMPLES = (
    """# Press ⌘/Ctrl + Enter or the button to run this operation.
# The next tabs list your tasks, complete one, and show changes live.

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
    """# Run this, and change tasks on a copy of this page in another tab of the
# browser. The first event has all tasks, and each change is another event. A
# client goes on from the last `cursor`, by the argument `since`.

subscription TaskChanges {
  taskChanges {
    reset
    cursor
    revision
    changes {
      id
      task {
        title
        completed
        deletedAt
      }
    }
    cursor
    hasMore
  }
}
""",
)
# GraphiQL 3 opens the first tab without its variables: the first operation needs none.
VARIABLES: tuple[dict[str, object], ...] = ({}, {}, {"id": ""}, {})


def render_page(token: str | None, schema: str) -> str:
    """Return the page with its configuration, as JSON that cannot end the script around it.

    `schema` is the text that the small editor shows; without it, the editor has no such button.
    """
    tabs = [
        {"query": query, "variables": json.dumps(variables, indent=2)}
        for query, variables in zip(EXAMPLES, VARIABLES, strict=True)
    ]
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    values = {"files": FILES, "headers": headers, "tabs": tabs, "schema": schema}
    configuration = json.dumps(values).replace("<", "\\u003c")
    assets = "\n".join(map(_asset, ("results.js", "editor.js", "start.js")))
    script = f"const configuration = {configuration};\n{assets}"
    page = _asset("page.html").replace("/* styles */", _asset("styles.css"))
    return page.replace("/* script */", script)


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def content_security_policy(page: str) -> str:
    """Return the Content-Security-Policy of the page.

    Only its own script and the files of GraphiQL run. It connects to this server only, and is
    never framed. Inline styles are for GraphiQL's dialogs, and data URLs for the fonts and images
    in its style sheet.
    """
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    scripts, styles = (
        " ".join(file["url"] for file in FILES if file["kind"] == kind)
        for kind in ("script", "link")
    )
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
