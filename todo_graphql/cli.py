"""The command line, which wires all packages together.

Each command imports its modules when it runs, so that `--help` responds at once.
"""

import gc
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from todo_graphql.settings.settings import Settings

DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
MAX_SECONDS = 36_500 * 86_400

Function = TypeVar("Function", bound=Callable[..., object])


class Commands(click.Group):
    """Group of commands that print one sentence for an expected error, with exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort, BrokenPipeError):
            raise  # click handles these: `--help`, a wrong option, Ctrl-C, `| head`
        except Exception as error:
            from todo_graphql.errors import ExpectedError

            if not isinstance(error, ExpectedError | OSError):  # OSError: a full disk, say
                raise
            raise click.ClickException(str(error)) from None


def duration(_context: click.Context, parameter: click.Parameter, value: str) -> int:
    """Return the seconds of a duration such as 15m."""
    match = DURATION.fullmatch(value)
    seconds = int(match[1]) * SECONDS[match[2]] if match else MAX_SECONDS + 1
    if seconds > MAX_SECONDS:
        raise click.BadParameter(
            "use a duration such as 30s, 15m, 12h or 7d (at most 36500d).", param=parameter
        )
    return seconds


def address(function: Function) -> Function:
    """Add the options --host and --port, which override HOST and PORT."""
    host = click.option("--host", help="The address to listen on.  [HOST, 127.0.0.1]")
    port = click.option(
        "--port", type=click.IntRange(0, 65535), help="The port; 0: any free one.  [PORT, 8000]"
    )
    return host(port(function))


def settings_with(**options: object) -> "Settings":
    """Return the settings of the environment, overridden by the options that are not None."""
    from todo_graphql.settings.settings import Settings

    given = {name: value for name, value in options.items() if value is not None}
    return Settings.from_environment(**given)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}
)
@click.version_option(package_name="todo-graphql")
def main() -> None:
    """Serve a GraphQL API for to-do lists, with strict isolation of users.

    \b
    To try it:        todo-graphql dev
    In production:    todo-graphql migrate, then todo-graphql serve
    To find mistakes: todo-graphql doctor

    Settings are environment variables; docs/configuration.md describes them.
    """


@main.command()
@address
def dev(host: str | None, port: int | None) -> None:
    """Serve for development, without any set-up.

    Starts an embedded PostgreSQL with its data in .todo-graphql/ (or uses DATABASE_URL),
    generates a secret (or uses BETTER_AUTH_SECRET), migrates, and serves GraphiQL signed in as a
    demo user. Prints a token and a curl command. Ctrl-C stops the server and keeps the data.
    """
    gc.disable()  # imports create little garbage; freeze_objects() enables collection again
    from todo_graphql.server.observability.tracing_setup import check_propagators

    check_propagators()
    settings = settings_with(host=host, port=port)
    from todo_graphql.dev.command import run_dev

    run_dev(settings)


@main.command()
@address
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="The number of workers.")
def serve(host: str | None, port: int | None, workers: int) -> None:
    """Serve in production.

    Requires DATABASE_URL, and BETTER_AUTH_SECRET or AUTH_JWKS_URL. Refuses to start with a weak
    secret, or with a database that does not isolate users. While the database is unavailable or
    not migrated, the server runs, reports not ready, and recovers by itself.
    """
    gc.disable()  # imports create little garbage; freeze_objects() enables collection again
    from todo_graphql.server.observability.tracing_setup import check_propagators

    check_propagators()
    settings = settings_with(host=host, port=port)
    from todo_graphql.runtime.preflight import check_settings

    check_settings(settings)  # before the imports that take most of the start
    from todo_graphql.runtime.uvicorn_server import serve_production

    serve_production(settings, workers)


@main.command()
@click.option(
    "--finish",
    is_flag=True,
    help="Also remove what only servers of earlier releases need. They must not run any more.",
)
def migrate(*, finish: bool) -> None:
    """Upgrade the schema of the database. Safe while servers run.

    Uses DATABASE_URL_UNPOOLED, or DATABASE_URL if that is not set. Concurrent runs wait for each
    other, and an interrupted run can be repeated.
    """
    from todo_graphql.store.postgres import migrations

    revision = migrations.upgrade(settings_with(), finish=finish)
    click.echo(f"The database is at revision {revision}.")
    if revision != migrations.head():
        click.echo(
            "When no server of an earlier release runs any more, run `todo-graphql migrate "
            f"--finish` for revision {migrations.head()}."
        )


@main.command()
@click.option("--days", type=click.IntRange(0, 36_500), help="Days in the trash.  [TRASH_DAYS, 30]")
def purge(days: int | None) -> None:
    """Delete tasks that have been in the trash for a number of days, and old tombstones.

    Run this command from a timer, also while the server runs. Uses DATABASE_URL_UNPOOLED, or
    DATABASE_URL if that is not set, as the role that migrates; without either, the database of a
    `dev` that runs in this folder.
    """
    from todo_graphql.dev.database import with_database_of_dev
    from todo_graphql.store.maintenance import purge

    batches = purge.purge(with_database_of_dev(settings_with(trash_days=days)))
    removed = 0
    with click.progressbar(
        length=next(batches), label="Emptying the trash", file=sys.stderr
    ) as bar:
        for number in batches:
            removed += number
            bar.update(number)
    click.echo(f"{removed:,} tasks were removed.")


@main.command()
def begin_history() -> None:
    """Begin another history of the database, after a backup was restored.

    Clients with cursors of `taskChanges` then read all tasks anew. Without this command, they can
    miss changes. Uses DATABASE_URL_UNPOOLED, or DATABASE_URL if that is not set, as the role that
    migrates.
    """
    from todo_graphql.store.maintenance import history

    click.echo(f"The database has begun the history {history.begin_history(settings_with())}.")


@main.command()
@click.option("--users", type=click.IntRange(1, 100_000), default=100, help="The number of users.")
@click.option(
    "--tasks",
    type=click.IntRange(0, 100_000_000),
    default=10_000,
    help="The number of tasks of all users; the first user has a tenth of them.",
)
def seed(users: int, tasks: int) -> None:
    """Generate sample users and tasks.

    Uses DATABASE_URL, or the database of `dev` in this folder, which need not be running. The
    first user is the demo user. Repeated with the same numbers, the command adds only tasks that
    were purged.
    """
    from todo_graphql.dev.seed import run_seed

    run_seed(settings_with(), users, tasks)
    click.echo(f"Sample users: {users:,}. Sample tasks: {tasks:,}.")


@main.command()
@click.option("--user-id", type=click.UUID, help="The `sub` claim.  [the demo user]")
@click.option("--email", help="The `email` claim.")
@click.option("--expires-in", default="1h", callback=duration, help="As 30s, 15m, 12h or 7d.")
def token(user_id: Any, email: str | None, expires_in: int) -> None:
    """Print a token for the API.

    Signs it with BETTER_AUTH_SECRET or, if that is not set, with the secret that `dev` has
    generated in this folder.
    """
    from todo_graphql.dev.demo_user import DEMO_USER, token_for
    from todo_graphql.dev.workspace import settings_with_secret
    from todo_graphql.store.models import Viewer

    viewer = DEMO_USER if user_id is None else Viewer(user_id)
    viewer = viewer if email is None else Viewer(viewer.id, email)
    click.echo(token_for(viewer, settings_with_secret(settings_with()), expires_in))


@main.command()
@click.option(
    "--check",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Compare the schema with this file; exit code 1 when they differ.",
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="The file to write."
)
def schema(check: Path | None, output: Path | None) -> None:
    """Print the GraphQL schema. Requires no database and no secret."""
    from todo_graphql.api.sdl import sdl

    if check is not None and output is not None:
        raise click.UsageError("--check and --output exclude each other.")
    if check is not None:
        compare(check)
    elif output is not None:
        try:
            output.write_text(sdl(), encoding="utf-8")
        except OSError as error:
            raise click.FileError(str(output), error.strerror) from None
    else:
        click.echo(sdl(), nl=False)


def compare(file: Path) -> None:
    """Raise ClickException with all breaking changes, unless the file has the same schema."""
    from graphql import GraphQLError

    from todo_graphql.api.sdl import breaking_changes, sdl

    try:
        known = file.read_text(encoding="utf-8")
        changes = [] if known == sdl() else breaking_changes(known)
    except (UnicodeDecodeError, GraphQLError, TypeError):  # TypeError: GraphQL without a schema
        raise click.ClickException(f"{file} is not a GraphQL schema.") from None
    if known != sdl():
        lines = "".join(f"\n  breaking: {change}" for change in changes)
        raise click.ClickException(f"{file} is not the schema of this version.{lines}")
    click.echo(f"{file} is the schema of this version.")


@main.command()
def doctor() -> None:
    """Check the configuration, and suggest corrections.

    Examines the settings, the addresses, the database, its migrations and its isolation, and
    changes nothing. Exit code 1 means that `serve` would not start, or not work safely.
    """
    from todo_graphql.server.observability.tracing_setup import check_propagators

    check_propagators()
    from todo_graphql.doctor import examine_environment

    findings = examine_environment()
    for finding in findings:
        click.echo(f"{finding.mark} {finding.sentence}")
    if any(finding.is_fatal for finding in findings):
        raise SystemExit(1)
