"""The command `dev`: the server with an embedded PostgreSQL, a secret and a demo user."""

import json
import textwrap

import click

from todo_graphql.dev.database import postgresql, with_own_database
from todo_graphql.dev.demo_user import DEMO_TOKEN_DAYS, DEMO_USER, demo_token
from todo_graphql.dev.workspace import FOLDER, check_unlocked, settings_with_secret, workspace
from todo_graphql.runtime.listening import graphql_url, listening
from todo_graphql.runtime.preflight import check_database, check_telemetry
from todo_graphql.runtime.signals import graceful_shutdown
from todo_graphql.runtime.uvicorn_server import freeze_objects, run, uvicorn_config
from todo_graphql.server.app import create_app
from todo_graphql.server.observability import log_configuration
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres import migrations

GRACE_SECONDS = 3
"""The time in which requests can finish after Ctrl-C. Short, because a developer is waiting."""


LOCAL_ORIGINS = tuple(
    f"{scheme}://{host}:*"
    for scheme in ("http", "https")
    for host in ("localhost", "127.0.0.1", "[::1]")
)
"""The origins of pages that a developer's own tools serve."""


def run_dev(settings: Settings) -> None:
    """Serve until a signal arrives, and then stop the embedded PostgreSQL."""
    check_unlocked(FOLDER)  # before PORT, which that `dev` uses, too
    with (
        graceful_shutdown() as stop,
        listening(settings) as listener,
        workspace(FOLDER),
    ):
        settings = settings_with_secret(development_defaults(settings), generate=True)
        settings.required_key()
        check_telemetry(settings)
        starts = with_own_database(settings) is None
        with postgresql(settings) as settings:
            stop.check()
            log_configuration.configure(settings)
            migrations.upgrade(settings, finish=starts)  # no other server uses this PostgreSQL
            check_database(settings)
            stop.check()
            token = demo_token(settings)
            app = create_app(settings, demo_token=token)
            freeze_objects()
            config = uvicorn_config(app, settings, grace=GRACE_SECONDS)
            run(config, listener, lambda: click.echo(welcome(graphql_url(listener), token)), stop)


def development_defaults(settings: Settings) -> Settings:
    """Return the settings with defaults for developers and with the origins of this machine.

    A setting of the environment takes precedence over its default.
    """
    defaults = {
        "graphiql": True,
        "introspection": True,
        "expose_cost": True,
        "log_format": "text",
    }
    given = settings.model_fields_set
    update = {name: value for name, value in defaults.items() if name not in given}
    origins = (*settings.cors_origins, *LOCAL_ORIGINS)
    return settings.model_copy(update={**update, "cors_origins": origins})


def welcome(url: str, token: str | None) -> str:
    """Return the message that the command prints once the server is ready."""
    if token is None:
        return f"GraphiQL, for tokens of AUTH_JWKS_URL's issuer: {url}\nCtrl-C stops the server."
    mutation = 'mutation { createTask(input: {title: "Buy milk"}) { task { id title } } }'
    return textwrap.dedent(
        f"""
        todo-graphql is ready.

          GraphiQL, signed in:  {url}
          You are:              {DEMO_USER.email} ({DEMO_USER.id})
          Your token, valid for {DEMO_TOKEN_DAYS} days:

        {token}

          Try it from another terminal:

        curl {url} \\
          -H 'Authorization: Bearer {token}' \\
          -H 'Content-Type: application/json' \\
          -d '{json.dumps({"query": mutation})}'

          `todo-graphql token --user-id <UUID>` prints a token of another user.
          Ctrl-C stops the server and its PostgreSQL; the data stays in .todo-graphql/.
        """
    )
