"""System user and file permissions of the embedded PostgreSQL.

PostgreSQL refuses to run as root. A process of root, as in many containers, runs it as a system
user. That user must reach the programs and the data: the folders above them become searchable for
others (o+x), the programs become readable, and the data is private to that user.
"""

import os
import pwd
import stat
import subprocess
from pathlib import Path
from typing import TypedDict

from todo_graphql.errors import ExpectedError

SYSTEM_USER = "embedded_postgres"


class AccessError(ExpectedError):
    """Failure to make the folders private or reachable, with its reason in one sentence."""


class Identity(TypedDict, total=False):
    """Arguments of `subprocess.run` that select a user."""

    user: int
    group: int
    extra_groups: list[int]


class Access:
    """Access of PostgreSQL's user; `opened` lists the folders that became searchable."""

    def __init__(self) -> None:
        self._account = _system_account() if os.geteuid() == 0 else None
        self.opened: list[Path] = []

    def identity(self) -> Identity:
        """Return the system user without root's groups, or nothing for the current user."""
        if self._account is None:
            return {}
        return {
            "user": self._account.pw_uid,
            "group": self._account.pw_gid,
            "extra_groups": [],
        }

    def make_private(self, folder: Path) -> None:
        """Create the folder if it is missing, and make it private to PostgreSQL's user.

        Raises AccessError if the folder belongs to another user: its content is not trusted, and
        root would lock that user out.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owners = {os.geteuid()} if self._account is None else {os.geteuid(), self._account.pw_uid}
        if folder.lstat().st_uid not in owners:
            raise AccessError(f"{folder} belongs to another user: start as its owner.")
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid, follow_symlinks=False)
            self._open_way_to(folder)
        folder.chmod(0o700)

    def let_run(self, binaries: Path) -> None:
        """Allow PostgreSQL's user to run the programs."""
        if self._account is None:
            return
        installation = binaries.parent
        self._open_way_to(installation)
        for path in [installation, *installation.rglob("*")]:
            mode = path.stat().st_mode
            runs = stat.S_IXOTH if mode & stat.S_IXUSR else 0
            wanted = mode | stat.S_IROTH | runs
            if wanted != mode:
                path.chmod(wanted)

    def notices(self) -> list[str]:
        """Return the sentences that inform root about the user and the opened folders."""
        if self._account is None:
            return []
        opened = [f"{folder} became searchable (o+x) for it." for folder in self.opened]
        return [f"PostgreSQL refuses to run as root, so it runs as {SYSTEM_USER}.", *opened]

    def _open_way_to(self, path: Path) -> None:
        for folder in path.parents:
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)
                self.opened.append(folder)


def _system_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - constant words
    except (OSError, subprocess.CalledProcessError):
        raise AccessError(
            f"PostgreSQL does not run as root, and the user {SYSTEM_USER} cannot be created: "
            "start as another user, or set DATABASE_URL."
        ) from None
    return pwd.getpwnam(SYSTEM_USER)
