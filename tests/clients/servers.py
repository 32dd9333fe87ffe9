"""The servers that the clients talk to, and the switch that suspends their PostgreSQL."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.support.commands import Service
from tests.support.postgres import frozen, migrated_server
from tests.support.servers import SECRET, variables_for
from todo_graphql.dev.postgres import EmbeddedPostgres

ORIGIN = "http://localhost:3000"
"""The origin whose pages may call the API."""

LIMITED = {"RATE_LIMIT": "25000/5second"}
"""Some lists of tasks use it up. A request can follow after one or two seconds."""

IMPATIENT = {"REQUEST_TIMEOUT": "0.5", "DATABASE_STATEMENT_TIMEOUT": "0.4"}
"""A server that soon reports that its database is unavailable."""


@contextmanager
def running_servers(folder: Path) -> Iterator[dict[str, str]]:
    """Run four servers on one database, and yield the environment of the tests."""
    with ExitStack() as stack:
        postgres = stack.enter_context(migrated_server(folder / "postgres"))
        usual = variables_for(postgres.url) | {"CORS_ORIGINS": ORIGIN}

        def serve(**settings: str) -> str:
            service = Service("serve", folder=folder, **usual, **settings)
            return f"{stack.enter_context(service).url}/graphql"

        yield {
            "GRAPHQL_URL": serve(),
            "LIMITED_URL": serve(**LIMITED),
            "IMPATIENT_URL": serve(**IMPATIENT),
            "DATABASE_SWITCH_URL": stack.enter_context(database_switch(postgres)),
            "PAGE_URL": serve(GRAPHIQL="true", INTROSPECTION="true"),
            "AUTH_SECRET": SECRET,
            "ORIGIN": ORIGIN,
        }


@contextmanager
def database_switch(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Yield the URL of a server that suspends PostgreSQL by `POST /off`, and resumes it by
    `POST /on`.
    """
    with ExitStack() as suspended:

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                suspended.close()
                if self.path == "/off":
                    suspended.enter_context(frozen(postgres))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - its name there
                pass

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()
