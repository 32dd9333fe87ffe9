"""The database of the commands: its URLs, and restarts of the embedded PostgreSQL."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import until
from todo_graphql.dev import database
from todo_graphql.dev.database import database_here, postgresql, restart_on_exit
from todo_graphql.dev.postgres_binaries import EmbeddedPostgresError
from todo_graphql.settings.settings import Settings


def test_unpooled_url_alone_is_the_database_of_commands(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = settings.database_url
    own = settings.model_copy(update={"database_url": None, "database_url_unpooled": url})
    with database_here(own) as here, postgresql(own) as there:
        assert (here.database_url, there.database_url) == (url, url)
    assert list(tmp_path.iterdir()) == []


class Server:
    """A server whose first attempts to start fail with these errors."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.runs = False

    def is_running(self) -> bool:
        return self.runs

    def start(self) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.runs = True


def test_failed_restart_is_reported_and_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(database, "WATCH_INTERVAL_SECONDS", 0.01)
    server: Any = Server(OSError("No space left"), EmbeddedPostgresError("No reason."))
    with restart_on_exit(server):
        until(server.is_running, "The third start")
    restarting = "PostgreSQL has ended. Restarting it …"
    assert capsys.readouterr().out.splitlines() == [
        restarting,
        "PostgreSQL cannot start: No space left",
        restarting,
        "PostgreSQL cannot start: No reason.",
        restarting,
    ]
