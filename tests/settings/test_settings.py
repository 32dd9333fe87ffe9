"""Values of settings: accepted ones, and the messages about rejected ones."""

from typing import Any

import pytest
from pydantic import SecretStr

from tests.support.rejected_settings import rejection_of
from todo_graphql.settings.settings import ConfigurationError, Settings

PARSED: list[tuple[str, str, Any]] = [
    ("AUTH_ISSUER", "https://example.com", "https://example.com"),
    ("AUTH_AUDIENCE", "todo", "todo"),
    ("AUTH_JWKS_URL", "https://a.example:1/jwks?x=1", "https://a.example:1/jwks?x=1"),
    ("AUTH_JWKS_URL", "http://127.0.0.1:3000/jwks", "http://127.0.0.1:3000/jwks"),
    ("AUTH_JWKS_URL", "http://127.9.9.9/jwks", "http://127.9.9.9/jwks"),
    ("AUTH_JWKS_URL", "http://[::1]:3000/jwks", "http://[::1]:3000/jwks"),
    ("AUTH_JWKS_URL", "http://localhost:3000/jwks", "http://localhost:3000/jwks"),
    ("HOST", "0.0.0.0", "0.0.0.0"),  # noqa: S104 - not bound
    ("PORT", "8080", 8080),
    ("PORT", "0", 0),
    ("CORS_ORIGINS", "https://a.example", ("https://a.example",)),
    ("CORS_ORIGINS", " https://a.example, ,http://b:1,", ("https://a.example", "http://b:1")),
    ("CORS_ORIGINS", "*", ("*",)),
    ("CORS_ORIGINS", "https://*.a.example", ("https://*.a.example",)),
    ("CORS_ORIGINS", "https://*.a.example:8443", ("https://*.a.example:8443",)),
    ("CORS_ORIGINS", "http://localhost:*", ("http://localhost:*",)),
    ("CORS_ORIGINS", "http://*.localhost:*", ("http://*.localhost:*",)),
    ("CORS_ORIGINS", "http://[::1]:3000", ("http://[::1]:3000",)),
    ("CORS_ORIGINS", "capacitor://localhost", ("capacitor://localhost",)),
    ("GRAPHIQL", "true", True),
    ("INTROSPECTION", "1", True),
    ("EXPOSE_COST", "true", True),
    ("LOG_LEVEL", "debug", "DEBUG"),
    ("LOG_FORMAT", "text", "text"),
    ("LOG_FORMAT", "JSON", "json"),
    ("METRICS_PORT", "9100", 9100),
    ("METRICS_HOST", "10.0.0.1", "10.0.0.1"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318", "http://127.0.0.1:4318"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/x", "http://127.0.0.1:1/x"),
    ("OTEL_SERVICE_NAME", "tasks", "tasks"),
    ("DATABASE_POOL_SIZE", "1", 1),
    ("DATABASE_MAX_OVERFLOW", "0", 0),
    ("DATABASE_POOL_RECYCLE", "60", 60),
    ("DATABASE_PREPARED_STATEMENTS", "on", "on"),
    ("DATABASE_CONNECT_TIMEOUT", "2", 2),
    ("DATABASE_STATEMENT_TIMEOUT", "0.5", 0.5),
    ("REQUEST_TIMEOUT", "0.5", 0.5),
    ("MAX_WAITING", "1", 1),
    ("TRASH_DAYS", "0", 0),
    ("TOMBSTONE_DAYS", "1", 1),
    ("MAX_TASKS_PER_USER", "1", 1),
    ("MAX_BYTES_PER_USER", "2147483647", 2_147_483_647),
    ("MAX_BODY_BYTES", "1024", 1024),
    ("MAX_RESPONSE_BYTES", "1000000", 1_000_000),
    ("MAX_QUERY_TOKENS", "100", 100),
    ("MAX_QUERY_DEPTH", "3", 3),
    ("MAX_QUERY_COST", "100", 100),
    ("RATE_LIMIT", "1/second", "1/second"),
    ("RATE_LIMIT", " 2147483647/10 Minutes", "2147483647/10 minutes"),
    ("RATE_LIMIT", "none", "none"),
    ("RATE_LIMIT_FAILURES", "5/hour", "5/hour"),
    ("LIVE_URL", "rediss://cache.example/1", SecretStr("rediss://cache.example/1")),
    ("LIVE_URL", "postgresql://db.example/todo", SecretStr("postgresql://db.example/todo")),
    ("TRUSTED_PROXIES", "10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
    ("EXECUTOR", "reference", "reference"),
]

BAD = [
    ("DATABASE_URL", "mysql://me:swordfish@db.example/todo"),
    ("DATABASE_URL", "swordfish"),
    ("DATABASE_URL", "postgresql://host:swordfish/"),
    ("DATABASE_URL", "postgresql://[::swordfish/"),
    ("DATABASE_URL", "postgresql://host/?swordfish=1"),
    ("DATABASE_URL", "postgresql://db.example/swordfish\n"),
    ("DATABASE_URL_UNPOOLED", "postgresql+psycopg2://me:swordfish@db.example/todo"),
    ("DATABASE_URL_UNPOOLED", "postgresql://host:swordfish/"),
    ("AUTH_ISSUER", " https://swordfish.example"),
    ("AUTH_ISSUER", " "),
    ("AUTH_AUDIENCE", "swordfish\n"),
    ("AUTH_AUDIENCE", '"swordfish"'),
    ("HOST", "swordfish "),
    ("METRICS_HOST", " swordfish"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "'http://swordfish:4318'"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://swordfish:4318/ "),
    ("OTEL_SERVICE_NAME", '"swordfish"'),
    ("CORS_ORIGINS", "swordfish.example"),
    ("CORS_ORIGINS", "https://swordfish.example/"),
    ("CORS_ORIGINS", "https://a.example, https://swordfish.example/app"),
    ("CORS_ORIGINS", "https://Swordfish.example"),
    ("CORS_ORIGINS", "https://swordfish.example:443"),
    ("CORS_ORIGINS", "http://swordfish.example:80"),
    ("CORS_ORIGINS", "http://swordfish.example:65536"),
    ("CORS_ORIGINS", "https://me@swordfish.example"),
    ("CORS_ORIGINS", "https://sw\xf6rdfish.example"),
    ("CORS_ORIGINS", "https://*.swordfish"),
    ("CORS_ORIGINS", "https://*swordfish.example"),
    ("CORS_ORIGINS", "https://swordfish.*.example"),
    ("CORS_ORIGINS", "https://swordfish.*"),
    ("CORS_ORIGINS", "https://*.*.swordfish.example"),
    ("CORS_ORIGINS", "*.swordfish.example"),
    ("CORS_ORIGINS", "*://swordfish.example"),
    ("CORS_ORIGINS", "https://*"),
    ("CORS_ORIGINS", "https://swordfish.example:8*"),
    ("CORS_ORIGINS", "https://swordfish.example?x"),
    ("CORS_ORIGINS", "https://"),
    ("CORS_ORIGINS", "null"),
    ("AUTH_JWKS_URL", "swordfish"),
    ("AUTH_JWKS_URL", "http://swordfish.example/jwks"),
    ("AUTH_JWKS_URL", "http://localhost.swordfish.example/jwks"),
    ("AUTH_JWKS_URL", "http://0.0.0.0/swordfish"),
    ("AUTH_JWKS_URL", "http://192.168.0.1/swordfish"),
    ("AUTH_JWKS_URL", "file:///swordfish"),
    ("AUTH_JWKS_URL", "https:///swordfish"),
    ("AUTH_JWKS_URL", "https://me:swordfish@a.example/jwks"),
    ("AUTH_JWKS_URL", "http://127.0.0.1@swordfish.example/jwks"),
    ("AUTH_JWKS_URL", "https://a.example/jwks#swordfish"),
    ("AUTH_JWKS_URL", "https://a.example:swordfish/jwks"),
    ("AUTH_JWKS_URL", "https://a.example/sword\nfish"),
    ("AUTH_JWKS_URL", "https://a.example/sword fish"),
    ("AUTH_JWKS_URL", "https://a.example/sw\xf6rdfish"),
    ("AUTH_JWKS_URL", "https://[swordfish]/jwks"),
    ("PORT", "swordfish"),
    ("PORT", "65536"),
    ("PORT", "-1"),
    ("GRAPHIQL", "swordfish"),
    ("INTROSPECTION", "swordfish"),
    ("EXPOSE_COST", "swordfish"),
    ("LOG_LEVEL", "swordfish"),
    ("LOG_FORMAT", "swordfish"),
    *(
        (name, url)
        for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        for url in (
            "swordfish",
            "http://",
            "ftp://swordfish",
            "http://swordfish:0",
            "http://swordfish:99999",
            "http://[swordfish",
        )
    ),
    ("DATABASE_POOL_SIZE", "0"),
    ("DATABASE_POOL_SIZE", "swordfish"),
    ("DATABASE_MAX_OVERFLOW", "-1"),
    ("DATABASE_POOL_RECYCLE", "0"),
    ("DATABASE_PREPARED_STATEMENTS", "sometimes"),
    ("DATABASE_CONNECT_TIMEOUT", "1"),
    ("DATABASE_STATEMENT_TIMEOUT", "0"),
    ("DATABASE_STATEMENT_TIMEOUT", "nan"),
    ("REQUEST_TIMEOUT", "0"),
    ("MAX_WAITING", "0"),
    ("TRASH_DAYS", "-1"),
    ("TOMBSTONE_DAYS", "0"),
    ("MAX_TASKS_PER_USER", "0"),
    ("MAX_BYTES_PER_USER", "2147483648"),
    ("MAX_BODY_BYTES", "1"),
    ("MAX_RESPONSE_BYTES", "65535"),
    ("MAX_RESPONSE_BYTES", "67108865"),
    ("MAX_QUERY_TOKENS", "1"),
    ("MAX_QUERY_DEPTH", "1"),
    ("MAX_QUERY_COST", "1"),
    ("RATE_LIMIT", "swordfish"),
    ("RATE_LIMIT", "0/second"),
    ("RATE_LIMIT", "2147483648/second"),
    ("RATE_LIMIT", "5/fortnight"),
    ("RATE_LIMIT", "5/second;7/hour"),
    ("RATE_LIMIT_FAILURES", "-5/hour"),
    ("RATE_LIMIT_STORAGE_URL", "memcached://swordfish"),
    ("RATE_LIMIT_STORAGE_URL", "redis://"),
    ("RATE_LIMIT_STORAGE_URL", "redis://cache.example/swordfish"),
    ("RATE_LIMIT_STORAGE_URL", "redis://cache.example/1/2"),
    ("RATE_LIMIT_STORAGE_URL", "redis://cache.example/-1"),
    ("RATE_LIMIT_STORAGE_URL", "redis://cache.example?db=swordfish"),
    ("RATE_LIMIT_STORAGE_URL", "redis://:swordfish@cache.example:port/0"),
    ("LIVE_URL", "memcached://swordfish"),
    ("LIVE_URL", "redis://cache.example/swordfish"),
    ("LIVE_URL", "postgresql://me:sword/fish@db.example/todo"),
    ("TRUSTED_PROXIES", "swordfish"),
    ("TRUSTED_PROXIES", "*"),
    ("TRUSTED_PROXIES", "10.0.0.1/8"),
    ("EXECUTOR", "swordfish"),
]


@pytest.mark.parametrize(("name", "value", "parsed"), PARSED)
def test_setting_is_read_from_its_variable(
    name: str, value: str, parsed: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert getattr(Settings.from_environment(), name.lower()) == parsed


def test_all_settings_are_tested() -> None:
    """A new setting needs an entry in the lists above."""
    secret = {"database_url", "database_url_unpooled", "better_auth_secret"}
    secret |= {"better_auth_old_secrets", "rate_limit_storage_url"}
    assert {name.lower() for name, _, _ in PARSED} | secret == set(Settings.model_fields)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_unusable_value_is_rejected_without_being_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the variable, and never its value."""
    sentence = rejection_of(name, value, monkeypatch)
    assert sentence.startswith(f"{name} is not usable: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "swordfish" not in sentence


def test_unusable_values_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message includes weak secrets."""
    monkeypatch.setenv("DATABASE_URL", "mysql://me:swordfish@db.example/todo")
    monkeypatch.setenv("BETTER_AUTH_SECRET", "swordfish")
    monkeypatch.setenv("BETTER_AUTH_OLD_SECRETS", "swordfish1,swordfish12")
    monkeypatch.setenv("MAX_QUERY_COST", "none")
    sentence = rejection_of("PORT", "none", monkeypatch)
    beginnings = [
        "DATABASE_URL is not usable: ",
        "PORT is not usable: ",
        "MAX_QUERY_COST is not usable: ",
        "BETTER_AUTH_SECRET is too short: it has 9 bytes ",
        "One of BETTER_AUTH_OLD_SECRETS is too short: it has 10 bytes ",
        "One of BETTER_AUTH_OLD_SECRETS is too short: it has 11 bytes ",
    ]
    positions = [sentence.find(beginning) for beginning in beginnings]
    assert positions == sorted(positions)
    assert (positions[0], sentence.count(" is not usable: ")) == (0, 3)
    assert "\n" not in sentence
    assert "swordfish" not in sentence
    monkeypatch.setenv("AUTH_JWKS_URL", "http://swordfish")  # secrets are not used beside it
    assert "_SECRET" not in rejection_of("PORT", "none", monkeypatch)


def test_survey_replaces_unusable_values_by_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of options are replaced, too, and good values are preserved."""
    names = set(Settings.model_fields) - {"better_auth_secret", "better_auth_old_secrets"}
    for name in names - {"port"}:
        monkeypatch.setenv(name.upper(), '""')
    monkeypatch.setenv("PORT", "8080")
    monkeypatch.delenv("HOST")
    settings, unusable = Settings.survey(host=" ")
    assert unusable.keys() == names - {"port"}
    monkeypatch.undo()
    assert settings == Settings(port=8080)


def test_default_settings_expose_nothing() -> None:
    settings = Settings.from_environment()
    assert (settings.host, settings.cors_origins) == ("127.0.0.1", ())
    assert not (settings.graphiql)
    assert not (settings.introspection)
    assert not (settings.expose_cost)


def test_missing_required_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.from_environment()
    with pytest.raises(ConfigurationError, match="DATABASE_URL is not set"):
        settings.required_database_url()
    with pytest.raises(ConfigurationError, match="BETTER_AUTH_SECRET is not set"):
        settings.required_secret()


@pytest.mark.parametrize("path", ["", "/", "/0", "/15", "/0?socket_keepalive=true"])
def test_redis_url_with_database_number_is_accepted(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATE_LIMIT_STORAGE_URL", f"redis://cache.example{path}")
    assert Settings.from_environment().rate_limit_storage_url is not None
