"""Who runs the embedded PostgreSQL, and what they may reach.

PostgreSQL refuses to run as root. Where root is all there is, as in many containers, it
runs as a system user of its own, who must be able to reach the programs and the data:
then folders on the way become searchable for others (o+x: a name that is known can be
reached, but nothing can be listed), the programs readable, and the data nobody else's.
"""

import os
import pwd
import stat
import subprocess
from pathlib import Path
from typing import TypedDict

SYSTEM_USER = "embedded_postgres"


class AccessError(Exception):
    """The folders cannot be made safe, or reachable. Says why in one sentence."""


class Identity(TypedDict, total=False):
    """The arguments of `subprocess.run` that say as whom to run."""

    user: int
    group: int
    extra_groups: list[int]


class Access:
    """As whom PostgreSQL runs; `opened` lists the folders that became searchable for it."""

    def __init__(self) -> None:
        self._account = _system_account() if os.geteuid() == 0 else None
        self.opened: list[Path] = []

    def identity(self) -> Identity:
        """Run as the system user, with none of root's groups; or as who we are."""
        if self._account is None:
            return {}
        return {
            "user": self._account.pw_uid,
            "group": self._account.pw_gid,
            "extra_groups": [],
        }

    def make_private(self, folder: Path) -> None:
        """Make the folder, for PostgreSQL's user only.

        Raises AccessError if it is somebody else's: root would lock them out of their data,
        and what others have made under a name that we are about to trust is not to be trusted.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owners = {os.geteuid()} if self._account is None else {os.geteuid(), self._account.pw_uid}
        if folder.lstat().st_uid not in owners:
            raise AccessError(f"{folder} belongs to somebody else: start as its owner.")
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid, follow_symlinks=False)
            self._open_way_to(folder)
        folder.chmod(0o700)

    def let_run(self, binaries: Path) -> None:
        """Make sure that PostgreSQL's user can run its programs."""
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
        """What a user of root should know."""
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
            f"PostgreSQL does not run as root, and the user {SYSTEM_USER} cannot be made here: "
            "start as another user, or set DATABASE_URL."
        ) from None
    return pwd.getpwnam(SYSTEM_USER)
