"""Settings that are secret: nobody is told them, and a weak one is refused."""

import re

import pytest

from tests.support.paths import ROOT
from todo_graphql.settings.settings import ConfigurationError, Settings

URL = "postgresql://me:swordfish@db.example/todo?sslmode=require"


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_UNPOOLED", "BETTER_AUTH_SECRET"])
def test_a_setting_that_is_secret(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever prints the settings does not tell it."""
    monkeypatch.setenv(name, URL)
    settings = Settings.from_environment()
    assert getattr(settings, name.lower()).get_secret_value() == URL
    assert "swordfish" not in f"{settings!r} {settings} {settings.model_dump()}"
    assert "swordfish" not in settings.model_dump_json()


def test_url_of_redis_is_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold a password."""
    monkeypatch.setenv("RATE_LIMIT_STORAGE_URL", "rediss://:swordfish@cache.example:6380/1")
    settings = Settings.from_environment()
    assert settings.rate_limit_storage_url is not None
    assert settings.rate_limit_storage_url.get_secret_value().endswith(":6380/1")
    assert "swordfish" not in f"{settings!r} {settings.model_dump_json()}"


def test_secrets_in_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Written as CORS_ORIGINS are, and told to nobody."""
    monkeypatch.setenv("BETTER_AUTH_OLD_SECRETS", " swordfish, ,herring,")
    settings = Settings.from_environment()
    old = [secret.get_secret_value() for secret in settings.better_auth_old_secrets]
    assert old == ["swordfish", "herring"]
    printed = f"{settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert "swordfish" not in printed
    assert "herring" not in printed
    with pytest.raises(ConfigurationError, match=r"^One of .* it has 9 bytes") as refused:
        settings.checked_old_secrets()
    assert "swordfish" not in str(refused.value)


def test_key_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one kind or of the other."""
    with pytest.raises(ConfigurationError, match="BETTER_AUTH_SECRET is not set"):
        Settings.from_environment().required_key()
    monkeypatch.setenv("AUTH_JWKS_URL", "https://a.example/jwks")
    Settings.from_environment().required_key()


@pytest.mark.parametrize(("secret", "size"), [("swordfish", 9), ("ü" * 15, 30)])
def test_a_secret_that_is_too_short(
    secret: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes count, not letters."""
    monkeypatch.setenv("BETTER_AUTH_SECRET", secret)
    with pytest.raises(ConfigurationError, match=f"it has {size} bytes") as refused:
        Settings.from_environment().required_secret()
    assert secret not in str(refused.value)


@pytest.mark.parametrize("secret", [" " * 40, "\t \n" * 20, "swordfish" + " " * 40])
def test_blanks_around_a_secret_do_not_count(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the first one nor in one that is to come after it, in whatever command."""
    monkeypatch.setenv("BETTER_AUTH_SECRET", secret)
    settings = Settings.from_environment()
    for check in (settings.required_secret, settings.required_key):
        with pytest.raises(ConfigurationError, match=r"^BETTER_AUTH_SECRET is too short: ") as it:
            check()
        size = len(secret.strip())
        assert f"it has {size} bytes, the blanks around it not counted, and needs" in str(it.value)
    old = Settings.from_environment(better_auth_old_secrets=(secret,))
    with pytest.raises(ConfigurationError, match=r"^One of BETTER_AUTH_OLD_SECRETS is too short: "):
        old.checked_old_secrets()


def test_secret_of_the_documentation_is_rejected() -> None:
    """Everybody could sign with it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"BETTER_AUTH_SECRET='([^']+)'", readme)
    assert examples
    for example in examples:
        settings = Settings.from_environment(better_auth_secret=example)
        with pytest.raises(ConfigurationError, match="which everybody knows"):
            settings.required_secret()


def test_a_secret_that_is_just_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """32 bytes."""
    monkeypatch.setenv("BETTER_AUTH_SECRET", "ü" * 16)
    assert Settings.from_environment().required_secret().get_secret_value() == "ü" * 16
