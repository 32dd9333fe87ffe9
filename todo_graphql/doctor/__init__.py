"""Configuration check of the command `doctor`, which yields one finding for each result."""

from collections.abc import Callable, Collection, Iterable, Iterator

from todo_graphql.doctor.address import examine_address
from todo_graphql.doctor.authentication import examine_claims, examine_keys
from todo_graphql.doctor.database import examine_database
from todo_graphql.doctor.exposure import (
    examine_limits,
    examine_openings,
    examine_origins,
    examine_proxies,
    examine_timeouts,
)
from todo_graphql.doctor.findings import ADVICE, FATAL, Finding
from todo_graphql.doctor.live import examine_live_url
from todo_graphql.doctor.services import examine_metrics, examine_rate_limit_storage, examine_traces
from todo_graphql.settings.settings import Settings, misspelt_variables

Examination = Callable[[Settings], Iterable[Finding]]

SECRETS = ("better_auth_secret", "better_auth_old_secrets")
TRACES = ("otel_exporter_otlp_endpoint", "otel_exporter_otlp_traces_endpoint")

EXAMINATIONS: dict[Examination, tuple[str, ...]] = {
    examine_keys: ("auth_jwks_url", *SECRETS),
    examine_claims: ("auth_issuer", "auth_audience", "auth_jwks_url"),
    examine_address: ("host", "port"),
    examine_openings: ("graphiql", "introspection", "expose_cost"),
    examine_origins: ("cors_origins",),
    examine_limits: ("rate_limit", "rate_limit_failures", "max_query_cost"),
    examine_proxies: ("trusted_proxies",),
    examine_timeouts: ("database_statement_timeout", "request_timeout"),
    examine_rate_limit_storage: ("rate_limit_storage_url",),
    examine_live_url: ("live_url", "rate_limit_storage_url"),
    examine_metrics: ("metrics_host", "metrics_port", "port"),
    examine_traces: TRACES,
    examine_database: ("database_url", "database_url_unpooled"),
}
"""All examinations in the order of their findings, each with the settings that it examines."""


def examine_environment() -> list[Finding]:
    """Examine the environment: report each unusable setting, and examine all others."""
    settings, unusable = Settings.survey()
    return [
        *(Finding(FATAL, reason) for reason in unusable.values()),
        *examine_names(),
        *examine(settings, unusable),
    ]


def examine_names() -> Iterator[Finding]:
    """Advise against variables that resemble a setting."""
    for name, meant in misspelt_variables().items():
        yield Finding(ADVICE, f"{name} is not a setting and has no effect: did you mean {meant}?")


def examine(settings: Settings, unusable: Collection[str] = ()) -> list[Finding]:
    """Run all examinations, except those of unusable settings."""
    return [
        finding
        for examination, names in EXAMINATIONS.items()
        if not set(names) & set(unusable)
        for finding in examination(settings)
    ]
