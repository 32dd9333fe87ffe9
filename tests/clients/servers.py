"""The servers that the clients talk to, and the switches for outages.

The switches suspend the PostgreSQL of the servers and kill one of them.
"""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.support.commands import Service
from tests.support.ports import free_port
from tests.support.postgres import frozen, migrated_server
from tests.support.servers import SECRET, variables_for

ORIGIN = "http://localhost:3000"
"""The origin whose pages may call the API."""

LIMITED = {"RATE_LIMIT": "25000/5second"}
"""Some lists of tasks use it up. A request can follow after one or two seconds."""

IMPATIENT = {"REQUEST_TIMEOUT": "0.5", "DATABASE_STATEMENT_TIMEOUT": "0.4"}
"""A server that soon reports that its database is unavailable."""


@contextmanager
def running_servers(folder: Path) -> Iterator[dict[str, str]]:
    """Run five servers on one database, and yield the environment of the tests."""
    with ExitStack() as stack:
        postgres = stack.enter_context(migrated_server(folder / "postgres"))
        usual = variables_for(postgres.url) | {"CORS_ORIGINS": ORIGIN}
        # Two processes share their hints, so that one can be killed while the other one writes.
        sharing = {"LIVE_URL": usual["DATABASE_URL"]}

        def serve(**settings: str) -> str:
            service = Service("serve", folder=folder, **usual | settings)
            return f"{stack.enter_context(service).url}/graphql"

        mortal = stack.enter_context(
            MortalServer(folder, usual | sharing | {"PORT": str(free_port())})
        )
        suspended = stack.enter_context(ExitStack())
        yield {
            "GRAPHQL_URL": serve(**sharing),
            "MORTAL_URL": f"{mortal.service.url}/graphql",
            "LIMITED_URL": serve(**LIMITED),
            "IMPATIENT_URL": serve(**IMPATIENT),
            "PAGE_URL": serve(**sharing, GRAPHIQL="true", INTROSPECTION="true"),
            "SWITCHES_URL": stack.enter_context(
                switches(
                    {
                        "/database/off": lambda: suspended.enter_context(frozen(postgres)),
                        "/database/on": suspended.close,
                        "/server/off": mortal.kill,
                        "/server/on": mortal.start,
                    }
                )
            ),
            "AUTH_SECRET": SECRET,
            "ORIGIN": ORIGIN,
        }


class MortalServer:
    """A server that can be killed, and started again on the same port."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._settings = settings
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it responds."""
        self.service = Service("serve", folder=self._folder, **self._settings)

    def kill(self) -> None:
        """Kill the server, which can do nothing about it."""
        self.service.stop(signal.SIGKILL)

    def __enter__(self) -> "MortalServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.service.__exit__()


@contextmanager
def switches(actions: Mapping[str, Callable[[], object]]) -> Iterator[str]:
    """Yield the URL of a server that runs the action of a path by `POST`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            actions[self.path]()
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
