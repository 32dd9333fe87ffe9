"""File permissions of the embedded PostgreSQL, and those that root changes."""

import os
from pathlib import Path

import pytest

from tests.support.commands import mode_of
from todo_graphql.dev import postgres_permissions
from todo_graphql.dev.postgres_permissions import Access, AccessError

IS_ROOT = os.geteuid() == 0


def test_only_root_makes_folders_searchable(tmp_path: Path) -> None:
    """Root adds o+x only, and reports it."""
    above = tmp_path / "closed"
    above.mkdir(mode=0o700)
    access = Access()
    access.make_private(above / "postgres")
    assert mode_of(above / "postgres") == 0o700
    assert mode_of(above) == (0o701 if IS_ROOT else 0o700)
    sentence = f"{above} became searchable (o+x) for it."
    assert (sentence in access.notices()) == (above in access.opened) == IS_ROOT
    assert bool(access.notices()) == IS_ROOT


def test_only_root_makes_programs_executable_for_others(tmp_path: Path) -> None:
    """Root adds the permissions to read and to run, not to write."""
    program = tmp_path / "pginstall/bin/postgres"
    program.parent.mkdir(parents=True)
    program.write_text("")
    program.chmod(0o700)
    library = tmp_path / "pginstall/library.so"
    library.write_text("")
    library.chmod(0o600)
    Access().let_run(program.parent)
    expected = (0o705, 0o604) if IS_ROOT else (0o700, 0o600)
    assert (mode_of(program), mode_of(library)) == expected


def test_folder_of_another_user_is_rejected(tmp_path: Path) -> None:
    folder = tmp_path / "theirs" if IS_ROOT else Path("/usr")
    if IS_ROOT:
        folder.mkdir(mode=0o755)
        os.chown(folder, 54_321, 54_321)
    before = folder.stat()
    with pytest.raises(AccessError, match="belongs to another user"):
        Access().make_private(folder)
    assert (folder.stat().st_mode, folder.stat().st_uid) == (before.st_mode, before.st_uid)


def test_missing_useradd_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_permissions, "SYSTEM_USER", "todo_graphql_no_such_user")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AccessError, match="start as another user, or set DATABASE_URL"):
        postgres_permissions._system_account()


def test_open_folder_becomes_private(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    Access().make_private(folder)
    assert mode_of(folder) == 0o700
