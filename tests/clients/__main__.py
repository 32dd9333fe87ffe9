"""`python -m tests.clients`: run the tests of JavaScript clients against real servers."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click
import psutil

from tests.clients.packages import FOLDER, install, lock, require_node
from tests.clients.servers import running_servers
from todo_graphql.errors import ExpectedError
from todo_graphql.settings.settings import Settings

RUN_SECONDS = 300
OPTIONS = (
    "--test",
    "--test-concurrency=1",
    "--test-timeout=120000",
    "--test-force-exit",
    "--test-reporter=spec",
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--lock", "locking", is_flag=True, help="Write package-lock.json, and run no test.")
@click.argument("names", nargs=-1)
def main(*, locking: bool, names: tuple[str, ...]) -> None:
    """Run the tests of these clients, such as `urql`, or of all clients.

    Everything runs on 127.0.0.1 and in a temporary folder. Ctrl-C stops everything.
    """
    signal.signal(signal.SIGTERM, end)
    clear_settings()
    try:
        version = require_node()
        if locking:
            lock()
            return
        files = selected(names)
        install(version)
        sys.exit(run_tests(files))
    except ExpectedError as error:
        raise click.ClickException(str(error)) from None


def clear_settings() -> None:
    """Remove all settings of the shell."""
    for name in list(os.environ):
        if name.lower() in Settings.model_fields or name.startswith("OTEL_"):
            del os.environ[name]


def selected(names: tuple[str, ...]) -> list[Path]:
    """Return the test files of these clients."""
    files = {path.name.partition(".")[0]: path for path in sorted(FOLDER.glob("*.test.js"))}
    unknown = [name for name in names if name not in files]
    if unknown:
        raise click.BadParameter(f"{unknown[0]} is not one of {', '.join(files)}.")
    return [files[name] for name in names or files]


def run_tests(files: list[Path]) -> int:
    """Run the files with the test runner of Node, one after the other, and return its exit code."""
    with (
        tempfile.TemporaryDirectory(prefix="todo-", ignore_cleanup_errors=True) as folder,
        running_servers(Path(folder)) as variables,
    ):
        command = ["node", *OPTIONS, *map(str, files)]
        with subprocess.Popen(
            command, cwd=FOLDER, env={**os.environ, **variables}, stdin=subprocess.DEVNULL
        ) as runner:
            try:
                return runner.wait(RUN_SECONDS)
            except subprocess.TimeoutExpired:
                message = f"The tests took longer than {RUN_SECONDS} seconds."
                raise ExpectedError(message) from None
            finally:
                end_tree(runner.pid)


def end_tree(pid: int) -> None:
    """End a process with its children, if it still runs: Node runs each file in a process."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [*root.children(recursive=True), root]:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def end(*_: object) -> NoReturn:
    """End as Ctrl-C does, so that all servers stop."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
