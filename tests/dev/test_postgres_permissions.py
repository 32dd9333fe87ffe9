"""Who may do what with the folders of the embedded PostgreSQL, and what root opens for it."""

import os
from pathlib import Path

import pytest

from tests.support.commands import mode_of
from todo_graphql.dev import postgres_permissions
from todo_graphql.dev.postgres_permissions import Access, AccessError

IS_ROOT = os.geteuid() == 0


def test_only_root_opens_a_way(tmp_path: Path) -> None:
    """And no wider than the user that PostgreSQL then runs as needs it: o+x, and it is told."""
    above = tmp_path / "closed"
    above.mkdir(mode=0o700)
    access = Access()
    access.make_private(above / "postgres")
    assert mode_of(above / "postgres") == 0o700
    assert mode_of(above) == (0o701 if IS_ROOT else 0o700)
    sentence = f"{above} became searchable (o+x) for it."
    assert (sentence in access.notices()) == (above in access.opened) == IS_ROOT
    assert bool(access.notices()) == IS_ROOT


def test_only_root_lets_others_run_the_programs(tmp_path: Path) -> None:
    """Where they could not: read and run, not write."""
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


def test_somebody_elses_folder(tmp_path: Path) -> None:
    """Root would lock them out; everybody else cannot, and does not try."""
    folder = tmp_path / "theirs" if IS_ROOT else Path("/usr")
    if IS_ROOT:
        folder.mkdir(mode=0o755)
        os.chown(folder, 54_321, 54_321)
    before = folder.stat()
    with pytest.raises(AccessError, match="belongs to somebody else"):
        Access().make_private(folder)
    assert (folder.stat().st_mode, folder.stat().st_uid) == (before.st_mode, before.st_uid)


def test_root_without_a_way_to_make_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no program for it."""
    monkeypatch.setattr(postgres_permissions, "SYSTEM_USER", "todo_graphql_no_such_user")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AccessError, match="start as another user, or set DATABASE_URL"):
        postgres_permissions._system_account()


def test_folder_that_others_could_enter_becomes_private(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    Access().make_private(folder)
    assert mode_of(folder) == 0o700
