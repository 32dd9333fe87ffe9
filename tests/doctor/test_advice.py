"""Findings of `doctor` about settings, without a database."""

import secrets
import socket
from contextlib import closing

import pytest

from tests.support.servers import SECRET
from todo_graphql.doctor.address import examine_address
from todo_graphql.doctor.authentication import examine_jwks, examine_keys
from todo_graphql.doctor.exposure import (
    examine_limits,
    examine_openings,
    examine_origins,
    examine_proxies,
    examine_timeouts,
)
from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.doctor.services import examine_metrics, examine_traces, is_public
from todo_graphql.server.sockets import refuse_unusable_metrics
from todo_graphql.settings.settings import ConfigurationError, Settings


def settings_with(**given: object) -> Settings:
    return Settings.from_environment(better_auth_secret=SECRET, **given)


def examine_exposure(settings: Settings) -> list[Finding]:
    """Return the findings of all examinations of exposure."""
    return [
        *examine_openings(settings),
        *examine_origins(settings),
        *examine_limits(settings),
        *examine_proxies(settings),
        *examine_timeouts(settings),
    ]


def test_default_exposure_needs_no_advice() -> None:
    assert {finding.mark for finding in examine_exposure(settings_with())} == {GOOD}


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ({"graphiql": True}, "GRAPHIQL is enabled: "),
        ({"introspection": True}, "INTROSPECTION is enabled: "),
        ({"expose_cost": True}, "EXPOSE_COST is enabled: "),
        ({"cors_origins": ("*",)}, "CORS_ORIGINS is *: "),
        ({"rate_limit": "none"}, "RATE_LIMIT is none: "),
        ({"rate_limit": "9999/hour"}, "RATE_LIMIT is below MAX_QUERY_COST: "),
        (
            {"rate_limit": "1000/day", "max_query_cost": 1001},
            "RATE_LIMIT is below MAX_QUERY_COST: ",
        ),
        ({"rate_limit_failures": "none"}, "RATE_LIMIT_FAILURES is none: "),
        ({"database_statement_timeout": 5.0}, "DATABASE_STATEMENT_TIMEOUT is not below "),
        ({"trusted_proxies": "0.0.0.0/0"}, "TRUSTED_PROXIES trusts every address (0.0.0.0/0): "),
        ({"trusted_proxies": "10.0.0.1, ::/0"}, "TRUSTED_PROXIES trusts every address (::/0): "),
        (
            {"trusted_proxies": "128.0.0.0/1, ::1, 0.0.0.0/1"},
            "TRUSTED_PROXIES trusts every address (0.0.0.0/0): ",
        ),
    ],
)
def test_risky_exposure_is_advised_against(given: dict[str, object], advice: str) -> None:
    found = examine_exposure(settings_with(**given))
    (sentence,) = [finding.sentence for finding in found if finding.mark == ADVICE]
    assert sentence.startswith(advice)


def test_metrics_port_in_use_is_advised_against() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (finding,) = examine_metrics(settings_with(metrics_port=port))
        assert finding.mark == ADVICE
        assert finding.sentence.startswith(f"METRICS_PORT {port} is not available (")
    (finding,) = examine_metrics(settings_with(metrics_port=port))
    assert (finding.mark, finding.sentence) == (GOOD, f"METRICS_PORT {port} is available.")


def test_metrics_port_equal_to_port_is_rejected() -> None:
    settings = settings_with(port=8000, metrics_port=8000)
    with pytest.raises(ConfigurationError, match=r"^METRICS_PORT is not usable: "):
        refuse_unusable_metrics(settings)
    (finding,) = examine_metrics(settings)
    assert finding.mark == FATAL
    refuse_unusable_metrics(settings_with(port=8000, metrics_port=7999))


def test_private_trusted_proxies_need_no_advice() -> None:
    networks = "10.0.0.0/8, fd00::/8, 192.0.2.1"
    assert {one.mark for one in examine_exposure(settings_with(trusted_proxies=networks))} == {GOOD}


def test_public_metrics_host_is_advised_against() -> None:
    found = list(examine_metrics(settings_with(metrics_port=1, metrics_host="8.8.8.8")))
    assert "any client that reaches it can read the metrics" in found[0].sentence


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("127.0.0.1", False),
        ("::1", False),
        ("10.1.2.3", False),
        ("metrics.internal", False),
        ("0.0.0.0", True),  # noqa: S104 - read, and not bound
        ("::", True),
        ("8.8.8.8", True),
    ],
)
def test_is_public_recognizes_public_addresses(host: str, public: bool) -> None:
    assert is_public(host) == public


@pytest.mark.parametrize(
    "name", ["otel_exporter_otlp_endpoint", "otel_exporter_otlp_traces_endpoint"]
)
def test_unreachable_trace_collector_is_advised_against(name: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as collector:
        settings = settings_with(**{name: f"http://127.0.0.1:{collector.getsockname()[1]}"})
        (finding,) = examine_traces(settings)
        assert finding.mark == GOOD
    (finding,) = examine_traces(settings)
    assert finding.mark == ADVICE
    assert "does not respond (Connection refused)" in finding.sentence


def test_invalid_opentelemetry_variables_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "swordfish")
    settings = settings_with(otel_exporter_otlp_endpoint="http://127.0.0.1:1")
    warned, away = examine_traces(settings)
    warning = "OpenTelemetry warns of its variables (OTEL_…): Couldn't recognize sampler …"
    assert (warned.mark, warned.sentence, away.mark) == (ADVICE, warning, ADVICE)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "0")
    (fatal,) = examine_traces(settings)
    assert fatal.mark == FATAL
    assert fatal.sentence.endswith(": schedule_delay_millis must be positive.")
    assert [finding.mark for finding in examine_traces(settings_with())] == [GOOD]


def test_rate_limit_equal_to_the_maximum_cost_is_good() -> None:
    found = list(examine_limits(settings_with(rate_limit="10000/hour", max_query_cost=10_000)))
    assert {finding.mark for finding in found} == {GOOD}


@pytest.mark.parametrize("host", ["no such name", "a..b", "192.0.2.1", "http://127.0.0.1"])
def test_invalid_host_is_fatal(host: str) -> None:
    (finding,) = examine_address(settings_with(host=host, port=0))
    assert finding.mark == FATAL
    assert finding.sentence.startswith("HOST is not usable: must be an address of this machine (")


def test_port_in_use_is_advised_against() -> None:
    """The server that is examined may use the port itself."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (finding,) = examine_address(settings_with(port=port))
        assert finding.mark == ADVICE
        assert finding.sentence.startswith(f"PORT {port} is not available (Address already in use)")
    (finding,) = examine_address(settings_with(port=port))
    assert (finding.mark, finding.sentence) == (
        GOOD,
        f"HOST and PORT are available: 127.0.0.1:{port}.",
    )


@pytest.mark.parametrize(
    ("secret", "advice"),
    [
        (f'"{SECRET}"', "is enclosed in quotation marks"),
        (f"'{SECRET}'", "is enclosed in quotation marks"),
        (f"{SECRET}\n", "begins or ends with a blank or a line break"),
        ("ab" * 20, "has fewer than 8 different characters"),
        ("1234567" * 6, "has fewer than 8 different characters"),
    ],
)
def test_suspicious_secret_is_advised_against(secret: str, advice: str) -> None:
    settings = Settings.from_environment(better_auth_secret=secret, better_auth_old_secrets=())
    good, odd = examine_keys(settings)
    assert (good.mark, odd.mark) == (GOOD, ADVICE)
    assert odd.sentence.startswith(f"BETTER_AUTH_SECRET {advice}")
    assert secret[:5] not in odd.sentence


def test_quoted_old_secrets_are_advised_against(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotation marks around the whole list are found, too."""
    one, other = "0123456789abcdef" * 2, "0123456789ABCDEF" * 2
    for old in (f'"{one},{other}"', f'"{one}","{other}"', f"'{one}'"):
        monkeypatch.setenv("BETTER_AUTH_OLD_SECRETS", old)
        *_, odd = examine_keys(settings_with())
        assert odd.mark == ADVICE
        assert odd.sentence.startswith("BETTER_AUTH_OLD_SECRETS is enclosed in quotation marks")


def test_good_secret_needs_no_advice() -> None:
    for secret in (SECRET, secrets.token_hex(16), f'"{SECRET}', "0123456789abcdef" * 2):
        settings = Settings.from_environment(better_auth_secret=secret)
        assert [finding.mark for finding in examine_keys(settings)] == [GOOD]


def test_every_weak_secret_is_fatal() -> None:
    settings = Settings.from_environment(
        better_auth_secret=" " * 40, better_auth_old_secrets=("weak",)
    )
    first, second = examine_keys(settings)
    assert (first.mark, second.mark) == (FATAL, FATAL)
    assert first.sentence.startswith("BETTER_AUTH_SECRET is too short")
    assert second.sentence.startswith("One of BETTER_AUTH_OLD_SECRETS is too short")


def test_secret_of_one_repeated_character_is_fatal() -> None:
    settings = Settings.from_environment(
        better_auth_secret="a" * 40, better_auth_old_secrets=("0" * 64,)
    )
    first, second = examine_keys(settings)
    assert (first.mark, second.mark) == (FATAL, FATAL)
    assert first.sentence.startswith("BETTER_AUTH_SECRET can be guessed")
    assert second.sentence.startswith("One of BETTER_AUTH_OLD_SECRETS can be guessed")


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_trace_collector_without_a_port_uses_the_default_port(
    monkeypatch: pytest.MonkeyPatch, scheme: str, port: int
) -> None:
    tried: list[tuple[str, int]] = []

    def refuse(address: tuple[str, int], _timeout: float) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    settings = settings_with(otel_exporter_otlp_endpoint=f"{scheme}://collector.example")
    assert [finding.mark for finding in examine_traces(settings)] == [ADVICE]
    assert tried == [("collector.example", port)]


@pytest.mark.parametrize(
    "given",
    [{"better_auth_secret": SECRET}, {"better_auth_old_secrets": SECRET}],
    ids=["secret", "old secret"],
)
def test_secret_beside_jwks_url_is_advised_against(given: dict[str, str]) -> None:
    url = "http://127.0.0.1:1/jwks"
    settings = Settings.from_environment(auth_jwks_url=url, **given)
    (advice,) = [one for one in examine_jwks(settings, url) if one.mark == ADVICE]
    assert "are not used beside AUTH_JWKS_URL" in advice.sentence
