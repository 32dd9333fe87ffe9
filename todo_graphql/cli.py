"""The commands: the only place that wires everything together.

What a command needs is imported when it runs, so that `--help` answers at once.
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
LONGEST = 36_500 * 86_400

Function = TypeVar("Function", bound=Callable[..., object])


class Commands(click.Group):
    """Tells what went wrong in one sentence, with exit code 1 and no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort, BrokenPipeError):
            raise  # click knows these: `--help`, a wrong option, Ctrl-C, `| head`
        except Exception as error:
            from todo_graphql.expected_errors import EXPECTED_ERRORS

            if not isinstance(error, EXPECTED_ERRORS):
                raise
            raise click.ClickException(str(error)) from None


def duration(_context: click.Context, parameter: click.Parameter, value: str) -> int:
    """Seconds from a number with a unit."""
    match = DURATION.fullmatch(value)
    seconds = int(match[1]) * SECONDS[match[2]] if match else LONGEST + 1
    if seconds > LONGEST:
        raise click.BadParameter(
            "use a duration such as 30s, 15m, 12h or 7d (at most 36500d).", param=parameter
        )
    return seconds


def address(function: Function) -> Function:
    """--host and --port, which come before HOST and PORT."""
    host = click.option("--host", help="The address to listen on.  [HOST, 127.0.0.1]")
    port = click.option(
        "--port", type=click.IntRange(0, 65535), help="The port; 0 takes a free one.  [PORT, 8000]"
    )
    return host(port(function))


def settings_with(**options: object) -> "Settings":
    """The environment's settings, with the options that were given in their place."""
    from todo_graphql.settings.settings import Settings

    given = {name: value for name, value in options.items() if value is not None}
    return Settings.from_environment(**given)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="todo-graphql")
def main() -> None:
    """A GraphQL API for to-do lists, with each user's tasks for that user only.

    \b
    To try it:         todo-graphql dev
    In production:     todo-graphql migrate, then todo-graphql serve
    When it will not:  todo-graphql doctor

    Settings come from environment variables; README.md lists them.
    """


@main.command()
@address
def dev(host: str | None, port: int | None) -> None:
    """Serve for development; needs no set-up.

    Starts a PostgreSQL of its own with its data in .todo-graphql/ (or uses DATABASE_URL),
    makes a secret (or uses BETTER_AUTH_SECRET), migrates, and serves GraphiQL signed in as a
    demo user. Prints a token and a curl line. Ctrl-C stops all of it and keeps the data.
    """
    from todo_graphql.server.observability.tracing_setup import check_propagators

    check_propagators()
    from todo_graphql.dev.command import run_dev

    run_dev(settings_with(host=host, port=port))


@main.command()
@address
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes."
)
def serve(host: str | None, port: int | None, workers: int) -> None:
    """Serve in production.

    Needs DATABASE_URL, and BETTER_AUTH_SECRET or AUTH_JWKS_URL. Refuses to start when that would be
    unsafe: a weak secret, or a database that would not keep users apart. While the database is
    away, or not migrated yet, it serves all the same, reports not ready, and recovers by itself.
    """
    gc.disable()  # imports leave next to no garbage; `serving` enables it again
    from todo_graphql.server.observability.tracing_setup import check_propagators

    check_propagators()
    from todo_graphql.runtime.uvicorn_server import serve_production

    serve_production(settings_with(host=host, port=port), workers)


@main.command()
def migrate() -> None:
    """Bring the database to the newest schema.

    Uses DATABASE_URL_UNPOOLED, or DATABASE_URL without it. The server may serve meanwhile; two
    at once wait for each other; one that was interrupted is run again.
    """
    from todo_graphql.store.postgres import migrations

    migrations.upgrade(settings_with())
    click.echo(f"The database is at revision {migrations.head()}.")


@main.command()
@click.option(
    "--days",
    type=click.IntRange(0, 36_500),
    help="How long a task stays in the trash.  [TRASH_DAYS, 30]",
)
def purge(days: int | None) -> None:
    """Remove for good what was moved to the trash long ago.

    To be run from time to time, while the server serves. Uses DATABASE_URL_UNPOOLED, or
    DATABASE_URL without it, as the role that migrates; without either, the database of a `dev`
    that runs in this folder.
    """
    from todo_graphql.dev.command import with_database_of_dev
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
@click.option(
    "--users", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many."
)
@click.option(
    "--tasks",
    type=click.IntRange(0, 100_000_000),
    default=10_000,
    show_default=True,
    help="How many, of all users. The first one has a tenth of them.",
)
def seed(users: int, tasks: int) -> None:
    """Make users and tasks up, to develop and to measure with.

    In DATABASE_URL, or in the database of `dev` in this folder, whether that is running or not.
    The first user is the demo user. Said again, the same numbers make nothing new.
    """
    from todo_graphql.dev.command import populate

    populate(settings_with(), users, tasks)
    click.echo(f"There are {users:,} users with {tasks:,} tasks.")


@main.command()
@click.option("--user-id", type=click.UUID, help="The token's `sub`.  [the demo user]")
@click.option("--email", help="The token's `email`.")
@click.option(
    "--expires-in", default="1h", show_default=True, callback=duration, help="As 30s, 15m, 12h, 7d."
)
def token(user_id: Any, email: str | None, expires_in: int) -> None:
    """Print a token, to try the API with.

    Signed with BETTER_AUTH_SECRET; without it, with the secret that `dev` has made in this
    folder.
    """
    from todo_graphql.dev.command import DEMO_USER, settings_with_secret, token_for
    from todo_graphql.store.models import Viewer

    viewer = DEMO_USER if user_id is None else Viewer(user_id)
    viewer = viewer if email is None else Viewer(viewer.id, email)
    click.echo(token_for(viewer, settings_with_secret(settings_with()), expires_in))


@main.command()
@click.option(
    "--check",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Compare with this file instead of printing: exit code 1 when they differ.",
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file."
)
def schema(check: Path | None, output: Path | None) -> None:
    """Print the GraphQL schema. Needs no database and no secret."""
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
    """Raises ClickException, with what would break clients, unless this is the file's schema."""
    from graphql import GraphQLError

    from todo_graphql.api.sdl import breaking_changes, sdl

    try:
        known = file.read_text(encoding="utf-8")
        changes = [] if known == sdl() else breaking_changes(known)
    except (UnicodeDecodeError, GraphQLError, TypeError):  # TypeError: GraphQL, but no schema
        raise click.ClickException(f"{file} is not a GraphQL schema.") from None
    if known != sdl():
        lines = "".join(f"\n  breaking: {change}" for change in changes)
        raise click.ClickException(f"{file} is not the schema of this version.{lines}")
    click.echo(f"{file} is the schema of this version.")


@main.command(short_help="Say what is wrong with this configuration.")
def doctor() -> None:
    """Say what is wrong with this configuration, and what to do about it.

    Looks at the settings, the addresses, the database, its migrations and its isolation. Changes
    nothing.
    Exit code 1 when something would keep `serve` from working safely.
    """
    from todo_graphql.server.observability.tracing_setup import check_propagators

    check_propagators()
    from todo_graphql.doctor import examine_environment

    findings = examine_environment()
    for finding in findings:
        click.echo(f"{finding.mark} {finding.sentence}")
    if any(finding.is_fatal for finding in findings):
        raise SystemExit(1)
