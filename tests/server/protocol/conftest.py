"""Fixtures of the tests of protocols."""

import pytest

from todo_graphql.server.protocol import limits


@pytest.fixture
def short_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit the time of a closing handshake: no client here echoes the close."""
    monkeypatch.setattr(limits, "CLOSE_SECONDS", 0.2)
