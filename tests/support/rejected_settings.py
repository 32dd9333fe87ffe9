"""Messages about settings that are rejected."""

import pytest

from todo_graphql.settings.settings import ConfigurationError, Settings


def rejection_of(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the message with which the value is rejected."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as refused:
        Settings.from_environment()
    return str(refused.value)
