"""URLs of databases: encoding, schemes, and the URL for migrations."""

import pytest

from tests.support.rejected_settings import rejection_of
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.engine import database_url


@pytest.mark.parametrize(
    "password", ["sword@fish", "sword/fish@", "sword#fish@", "sword?fish@", "@swordfish", "a/s@b#c"]
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_UNPOOLED"])
def test_password_must_be_percent_encoded(
    name: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a part of the password would become the host, which is shown."""
    sentence = rejection_of(name, f"postgresql://me:{password}@db.example/todo", monkeypatch)
    assert sentence == (
        f"{name} is not usable: must have @, /, ? and # in a user's name, a password or an option "
        "percent-encoded, as %40, %2F, %3F and %23."
    )


def test_user_must_be_percent_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the password would become the name of the database, which is shown."""
    url = "postgresql://m/e:swordfish@db.example/todo"
    assert "swordfish" not in rejection_of("DATABASE_URL", url, monkeypatch)


def test_percent_encoded_password_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:%40%2F%3F%23%25:@db.example/todo")
    url = database_url(Settings.from_environment().required_database_url())
    assert (url.username, url.password, url.host) == ("me", "@/?#%:", "db.example")


def test_both_schemes_of_libpq_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("postgres", "postgresql"):
        monkeypatch.setenv("DATABASE_URL", f"{scheme}://db.example/todo")
        assert Settings.from_environment().required_database_url()


def test_migrations_use_the_direct_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.from_environment().migration_url is None
    monkeypatch.setenv("DATABASE_URL", "postgresql://pooled")
    assert Settings.from_environment().migration_url == Settings.from_environment().database_url
    monkeypatch.setenv("DATABASE_URL_UNPOOLED", "postgresql://direct")
    url = Settings.from_environment().migration_url
    assert url is not None
    assert url.get_secret_value() == "postgresql://direct"
