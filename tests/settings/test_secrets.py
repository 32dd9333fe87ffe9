"""Secret settings: they are never printed, and weak ones are rejected."""

import re

import pytest

from tests.support.paths import ROOT
from todo_graphql.settings.settings import ConfigurationError, Settings

URL = "postgresql://me:swordfish@db.example/todo?sslmode=require"


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_UNPOOLED", "BETTER_AUTH_SECRET"])
def test_secret_setting_is_not_printed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, URL)
    settings = Settings.from_environment()
    assert getattr(settings, name.lower()).get_secret_value() == URL
    assert "swordfish" not in f"{settings!r} {settings} {settings.model_dump()}"
    assert "swordfish" not in settings.model_dump_json()


def test_redis_url_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMIT_STORAGE_URL", "rediss://:swordfish@cache.example:6380/1")
    settings = Settings.from_environment()
    assert settings.rate_limit_storage_url is not None
    assert settings.rate_limit_storage_url.get_secret_value().endswith(":6380/1")
    assert "swordfish" not in f"{settings!r} {settings.model_dump_json()}"


def test_old_secrets_are_split_and_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_secret_or_jwks_url_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="BETTER_AUTH_SECRET is not set"):
        Settings.from_environment().required_key()
    monkeypatch.setenv("AUTH_JWKS_URL", "https://a.example/jwks")
    Settings.from_environment().required_key()


@pytest.mark.parametrize(("secret", "size"), [("swordfish", 9), ("ü" * 15, 30)])
def test_short_secret_is_rejected(secret: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The length is counted in bytes."""
    monkeypatch.setenv("BETTER_AUTH_SECRET", secret)
    with pytest.raises(ConfigurationError, match=f"it has {size} bytes") as refused:
        Settings.from_environment().required_secret()
    assert secret not in str(refused.value)


@pytest.mark.parametrize("secret", [" " * 40, "\t \n" * 20, "swordfish" + " " * 40])
def test_blanks_around_secret_are_not_counted(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETTER_AUTH_SECRET", secret)
    settings = Settings.from_environment()
    for check in (settings.required_secret, settings.required_key):
        with pytest.raises(
            ConfigurationError, match=r"^BETTER_AUTH_SECRET is too short: "
        ) as error:
            check()
        size = len(secret.strip())
        assert f"it has {size} bytes, the blanks around it not counted, and needs" in str(
            error.value
        )
    old = Settings.from_environment(better_auth_old_secrets=(secret,))
    with pytest.raises(ConfigurationError, match=r"^One of BETTER_AUTH_OLD_SECRETS is too short: "):
        old.checked_old_secrets()


def test_secret_in_documentation_is_rejected() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"BETTER_AUTH_SECRET='([^']+)'", readme)
    assert examples
    for example in examples:
        settings = Settings.from_environment(better_auth_secret=example)
        with pytest.raises(ConfigurationError, match="is the public example"):
            settings.required_secret()


def test_secret_of_minimum_length_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETTER_AUTH_SECRET", "üö" * 8)
    assert Settings.from_environment().required_secret().get_secret_value() == "üö" * 8


@pytest.mark.parametrize(
    "secret",
    [
        "a" * 40,
        "ü" * 16,
        "0" * 64,
        "\u200b" * 40,
        "\u200b\ufeff" * 20,
        "\x01\x02" * 20,
        "x" + " " * 40 + "x",
        "\u2800" * 40,
        "-\u00ad" * 20,
        "a\t" * 40,
    ],
    ids=ascii,
)
def test_secret_of_one_repeated_character_is_rejected(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """White space and invisible characters do not make a secret."""
    monkeypatch.setenv("BETTER_AUTH_SECRET", secret)
    settings = Settings.from_environment()
    for check in (settings.required_secret, settings.required_key, settings.check_secrets):
        with pytest.raises(ConfigurationError, match=r"^BETTER_AUTH_SECRET can be guessed: "):
            check()
    old = Settings.from_environment(better_auth_old_secrets=(secret,))
    with pytest.raises(ConfigurationError, match=r"^One of BETTER_AUTH_OLD_SECRETS can be guessed"):
        old.checked_old_secrets()


@pytest.mark.parametrize("value", [" " * 40, "\t" * 40, " , ,, "])
def test_blank_old_secrets_verify_no_tokens(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETTER_AUTH_OLD_SECRETS", value)
    assert Settings.from_environment().checked_old_secrets() == ()
