"""The folder in which `dev` keeps its PostgreSQL and its secret."""

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pydantic import SecretStr

from todo_graphql.settings.settings import ConfigurationError, Settings

FOLDER = Path(".todo-graphql")


@contextmanager
def workspace(folder: Path) -> Iterator[None]:
    """Create the folder, and lock it for one `dev` at a time."""
    here = folder.resolve().parent
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write to {here / folder.name} ({error.strerror}): "
            "run the command in a writable folder."
        ) from None
    with lock:
        _lock(lock, here)
        yield


def check_unlocked(folder: Path) -> None:
    """Raise ConfigurationError if a `dev` is running in the folder. Creates nothing."""
    with suppress(OSError), (folder / "lock").open() as lock:
        _lock(lock, folder.resolve().parent)


def _lock(lock: IO[str], here: Path) -> None:
    """Lock the file until it is closed. Raises ConfigurationError if it is locked."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ConfigurationError(
            f"Another `todo-graphql dev` is running in {here}: stop it first."
        ) from None


def settings_with_secret(settings: Settings, *, generate: bool = False) -> Settings:
    """Return the settings with a secret: their own, or the one in the folder.

    With `generate`, the folder gets a new secret if it has none.
    """
    if settings.better_auth_secret is not None:
        return settings
    file = FOLDER / "secret"
    try:
        secret = stored_secret(file, generate=generate)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot use {file} ({error.strerror}): set BETTER_AUTH_SECRET."
        ) from None
    return settings.model_copy(update={"better_auth_secret": secret})


def stored_secret(file: Path, *, generate: bool) -> SecretStr | None:
    """Return the secret in the file, which is written whole or not at all."""
    if not file.exists():
        if not generate:
            return None
        unfinished = file.with_name("secret.unfinished")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(secrets.token_urlsafe(48))
        unfinished.rename(file)
    return SecretStr(file.read_text().strip())
