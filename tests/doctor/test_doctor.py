"""`todo-graphql doctor`: its findings, one per line, and its exit code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administer, administering
from tests.support.commands import run
from tests.support.issuer import Issuer, publishing
from tests.support.logins import login
from tests.support.servers import (
    SECRET,
    migrated_database,
    migrated_to,
    scratch_database,
    settings_for,
)
from todo_graphql.doctor import examine, examine_environment, examine_names
from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres import migrations

NOWHERE = "postgresql://me:swordfish@127.0.0.1:1/nothing"


@pytest.fixture(scope="module")
def superuser(postgresql: SecretStr) -> Iterator[SecretStr]:
    """Yield a database for a superuser, which no test changes."""
    with migrated_database(postgresql) as url:
        yield url


@pytest.fixture(scope="module")
def migrated(superuser: SecretStr) -> Iterator[SecretStr]:
    """Yield the database for a role that needs no advice."""
    with login(superuser, "GRANT todo_app TO {role}") as url:
        yield url


def found(settings: Settings, *marks: str) -> list[str]:
    """Return the sentences of the findings with one of the marks."""
    return [finding.sentence for finding in examine(settings) if finding.mark in marks]


def settings_without(url: SecretStr, **given: object) -> Settings:
    """Return settings that need no advice, changed by the arguments."""
    return settings_for(url, auth_issuer="https://example.com", auth_audience="todo", **given)


def test_good_configuration_has_good_findings_only(migrated: SecretStr, tmp_path: Path) -> None:
    finished = run(
        "doctor",
        folder=tmp_path,
        DATABASE_URL=migrated.get_secret_value(),
        DATABASE_URL_UNPOOLED=migrated.get_secret_value(),
        BETTER_AUTH_SECRET=SECRET,
        AUTH_ISSUER="https://example.com",
        AUTH_AUDIENCE="todo",
        PORT="0",
    )
    lines = finished.stdout.splitlines()
    assert (finished.returncode, finished.stderr) == (0, "")
    assert {line[:2] for line in lines} == {f"{GOOD} "}
    assert f"{GOOD} The migrations are at {migrations.head()}." in lines
    assert f"{GOOD} Row-level security isolates users" in finished.stdout


def test_missing_settings_are_all_reported(tmp_path: Path) -> None:
    finished = run("doctor", folder=tmp_path, PORT="0")
    assert (finished.returncode, finished.stderr) == (1, "")
    lines = [line for line in finished.stdout.splitlines() if not line.startswith(GOOD)]
    beginnings = [line.split(" is ")[0] for line in lines]
    assert beginnings == [
        f"{FATAL} BETTER_AUTH_SECRET",
        f"{ADVICE} AUTH_ISSUER",
        f"{ADVICE} AUTH_AUDIENCE",
        f"{FATAL} DATABASE_URL",
    ]


@pytest.mark.no_cover
def test_unreachable_database_is_fatal_without_its_password(tmp_path: Path) -> None:
    given = {"DATABASE_URL": NOWHERE, "BETTER_AUTH_SECRET": SECRET, "PORT": "0"}
    finished = run("doctor", folder=tmp_path, **given)
    assert (finished.returncode, finished.stderr) == (1, "")
    last = finished.stdout.splitlines()[-1]
    assert last.startswith(f"{FATAL} Cannot connect to DATABASE_URL: ")
    assert "Connection refused" in last
    assert "swordfish" not in finished.stdout


def test_weak_or_public_secret_is_fatal(migrated: SecretStr) -> None:
    for secret in ("weak", "-----BEGIN CERTIFICATE-----" + "A" * 40):
        settings = settings_without(migrated, better_auth_secret=SecretStr(secret))
        (sentence,) = found(settings, FATAL)
        assert sentence.startswith("BETTER_AUTH_SECRET is ")
        assert len(found(settings, GOOD)) == 17


def test_old_secrets_are_counted_and_checked(migrated: SecretStr) -> None:
    old = (SecretStr(SECRET + "!"), SecretStr(SECRET + "?"))
    sentences = found(settings_without(migrated, better_auth_old_secrets=old), GOOD)
    assert "BETTER_AUTH_OLD_SECRETS contains 2, all long enough." in sentences
    weak = settings_without(migrated, better_auth_old_secrets=(SecretStr("weak"),))
    assert found(weak, FATAL)[0].startswith("One of BETTER_AUTH_OLD_SECRETS is too short")


def test_usable_keys_of_an_issuer_are_listed(migrated: SecretStr) -> None:
    with publishing(Issuer({"1": "EdDSA", "2": "RS256"})) as issuer:
        settings = settings_without(migrated, auth_jwks_url=issuer.url, better_auth_secret=None)
        assert "AUTH_JWKS_URL responds with these usable keys: EdDSA, RS256." in found(
            settings, GOOD
        )
        assert found(settings, ADVICE, FATAL) == []
        (sentence,) = found(settings.model_copy(update={"better_auth_secret": SECRET}), ADVICE)
        assert "are not used beside AUTH_JWKS_URL" in sentence
        without_issuer = settings.model_copy(update={"auth_issuer": None})
        (sentence,) = found(without_issuer, ADVICE)
        assert "the issuer may sign tokens for other services" in sentence


def test_issuer_without_usable_keys_is_fatal(migrated: SecretStr) -> None:
    with publishing(Issuer()) as issuer:
        settings = settings_without(migrated, auth_jwks_url=issuer.url, better_auth_secret=None)
        issuer.document = b'{"keys": [{"kty": "oct", "k": "c3dvcmRmaXNo"}, {}]}'
        assert found(settings, FATAL) == ["AUTH_JWKS_URL responds with these usable keys: none."]
        advice = found(settings, ADVICE)
        assert [sentence.partition(")")[0] for sentence in advice] == [
            "AUTH_JWKS_URL publishes private keys (1",
            "AUTH_JWKS_URL publishes unsupported keys (1",
        ]
        assert "c3dvcmRmaXNo" not in "".join(advice)
    assert found(settings, FATAL) == ["Cannot fetch the keys of AUTH_JWKS_URL: Connection refused."]


def test_missing_issuer_and_audience_are_advised_against(migrated: SecretStr) -> None:
    sentences = found(settings_for(migrated), ADVICE)
    assert [sentence.split()[0] for sentence in sentences] == ["AUTH_ISSUER", "AUTH_AUDIENCE"]
    assert found(settings_for(migrated), FATAL) == []


@pytest.mark.no_cover
def test_unusable_settings_are_named_and_others_examined(
    migrated: SecretStr, tmp_path: Path
) -> None:
    finished = run(
        "doctor",
        folder=tmp_path,
        DATABASE_URL=migrated.get_secret_value(),
        DATABASE_POOL_SIZE="none",
        AUTH_JWKS_URL="swordfish",
        CORS_ORIGINS="https://swordfish.example/",
        RATE_LIMIT="none",
        PORT="0",
    )
    assert (finished.returncode, finished.stderr) == (1, "")
    lines = [line for line in finished.stdout.splitlines() if not line.startswith(GOOD)]
    assert [line.partition(" is ")[0] for line in lines] == [
        f"{FATAL} AUTH_JWKS_URL",
        f"{FATAL} CORS_ORIGINS",
        f"{FATAL} DATABASE_POOL_SIZE",
        f"{ADVICE} RATE_LIMIT",
    ]
    assert f"{GOOD} The migrations are at {migrations.head()}." in finished.stdout
    assert "swordfish" not in finished.stdout


@pytest.mark.parametrize("name", Settings.model_fields)
def test_unusable_setting_is_not_reported_as_unset(
    name: str, monkeypatch: pytest.MonkeyPatch, postgresql: SecretStr
) -> None:
    """An unusable setting has its default meanwhile, which no other finding mentions."""
    monkeypatch.setenv("DATABASE_URL", NOWHERE)
    monkeypatch.setenv("BETTER_AUTH_SECRET", SECRET)
    monkeypatch.setenv("PORT", "0")
    monkeypatch.setenv(name.upper(), "'swordfish'")
    first, *others = [finding.sentence for finding in examine_environment()]
    if not name.startswith("better_auth"):
        assert first.startswith(f"{name.upper()} is not usable: ")
        assert not [one for one in others if re.search(rf"\b{name.upper()}\b(?! allows)", one)]
    assert "swordfish" not in "".join([first, *others])


def test_misspelt_variable_is_advised_against(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(examine_names()) == []
    monkeypatch.setenv("BETTER_AUTH_SECRETS", "swordfish")
    (finding,) = examine_names()
    assert finding.mark == ADVICE
    assert finding.sentence == (
        "BETTER_AUTH_SECRETS is not a setting and has no effect: did you mean BETTER_AUTH_SECRET?"
    )


def test_unreachable_direct_endpoint_is_fatal(migrated: SecretStr) -> None:
    settings = settings_without(migrated, database_url_unpooled=SecretStr(NOWHERE))
    (sentence,) = found(settings, FATAL)
    assert found(settings, ADVICE) == []
    assert sentence.startswith("Cannot connect to DATABASE_URL_UNPOOLED: ")
    assert f"The migrations are at {migrations.head()}." in found(settings, GOOD)


def test_empty_database_is_fatal(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url:
        assert found(settings_without(url), FATAL) == [
            "The database is not migrated: run `todo-graphql migrate`."
        ]


def test_missing_migrations_are_fatal(postgresql: SecretStr) -> None:
    with migrated_database(postgresql) as url:
        administer(url, "DELETE FROM alembic_version")
        assert found(settings_without(url), FATAL) == [
            "The migrations are behind: run `todo-graphql migrate`."
        ]


def test_disabled_row_level_security_is_fatal(postgresql: SecretStr) -> None:
    with migrated_database(postgresql) as url:
        administer(url, "ALTER TABLE users DISABLE ROW LEVEL SECURITY")
        (sentence,) = found(settings_without(url), FATAL)
    assert sentence.startswith("Row-level security is not effective")


def test_blocked_database_is_fatal(postgresql: SecretStr) -> None:
    with migrated_database(postgresql) as url, administering(url) as admin:
        admin.execute(text("BEGIN"))
        admin.execute(text("LOCK TABLE tasks"))
        settings = settings_without(url, database_statement_timeout=0.2)
        assert found(settings, FATAL) == ["The database cannot answer now. Try again in a moment."]
        admin.execute(text("ROLLBACK"))


def test_role_without_todo_app_is_fatal(superuser: SecretStr) -> None:
    with login(superuser) as url:
        sentences = found(settings_without(url), FATAL)
    assert "GRANT todo_app TO it" in sentences[0]
    assert "swordfish" not in "".join(sentences)


def test_database_behind_this_release_is_reported(postgresql: SecretStr) -> None:
    """The check of the isolation needs columns that it does not have."""
    with scratch_database(postgresql) as url:
        migrated_to(url, "0004")
        assert found(settings_for(url), FATAL)[-1].startswith("The database is not migrated")
