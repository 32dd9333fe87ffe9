"""Variables of the environment: names, quotation marks, empty values and overrides."""

import pytest

from tests.support.rejected_settings import rejection_of
from todo_graphql.settings.settings import Settings, misspelt_variables


@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields])
def test_quoted_value_is_rejected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets can contain any characters."""
    monkeypatch.setenv(name, "'1'")
    if name in ("BETTER_AUTH_SECRET", "BETTER_AUTH_OLD_SECRETS"):
        assert Settings.from_environment().model_fields_set == {name.lower()}
    else:
        sentence = rejection_of(name, "'1'", monkeypatch)
        assert sentence.startswith(f"{name} is not usable: must not be enclosed in quotation marks")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BETTER_AUTH_SECRETS", "BETTER_AUTH_SECRET"),
        ("BETTER_AUTH_OLD_SECRET", "BETTER_AUTH_OLD_SECRETS"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("DATABASE_UNPOOLED_URL", "DATABASE_URL_UNPOOLED"),
        ("databse_url", "DATABASE_URL"),
        ("AUTH_JWK_URL", "AUTH_JWKS_URL"),
        ("CORS_ORIGIN", "CORS_ORIGINS"),
        ("METRIC_PORT", "METRICS_PORT"),
        ("RATE_LIMITS", "RATE_LIMIT"),
    ],
)
def test_misspelt_variable_is_reported(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    assert misspelt_variables() == {name: meant}


def test_variables_of_other_programs_are_not_misspelt() -> None:
    """Variables of shells, systemd, containers and other programs are not reported."""
    others = """
        HOME HOSTNAME HOSTTYPE HOSTS PORTS PATH SHELL USER LOGNAME LANG TZ TERM PWD OLDPWD SHLVL
        JOURNAL_STREAM INVOCATION_ID EXECUTOR_NUMBER PGHOST PGPORT PGUSER PGHOST_UNPOOLED
        REDIS_URL
        KUBERNETES_SERVICE_HOST KUBERNETES_PORT TODO_GRAPHQL_PORT METRICS_SERVICE_HOST
        DATABASE_HOST DATABASE_PORT DATABASE_NAME DATABASE_USER DATABASE_PASSWORD POSTGRES_URL
        POSTGRES_URL_NON_POOLING TEST_DATABASE_URL DIRECT_URL BETTER_AUTH_URL NEXTAUTH_SECRET
        AUTH_SECRET AUTH_URL LOG_FILE METRICS_PATH TRUSTED_HOSTS GRAPHQL_URL REQUEST_METHOD
        WEB_CONCURRENCY OTEL_EXPORTER_OTLP_METRICS_ENDPOINT OTEL_SERVICE_NAMES
    """.split()  # noqa: SIM905 - a list would take fifty lines
    assert misspelt_variables([*others, *(name.upper() for name in Settings.model_fields)]) == {}


@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields])
def test_empty_variable_is_unset(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`docker run --env PORT=` sets an empty variable."""
    monkeypatch.setenv(name, "")
    assert Settings.from_environment() == Settings()


def test_override_replaces_unusable_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "none")
    assert Settings.from_environment(port=1).port == 1
