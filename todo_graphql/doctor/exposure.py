"""Examination of features, origins, limits and proxies that expose the server."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from todo_graphql.doctor.findings import ADVICE, GOOD, Finding
from todo_graphql.settings.settings import Settings
from todo_graphql.settings.types import UNLIMITED

ALL_ADDRESSES = {"0.0.0.0/0", "::/0"}


def examine_timeouts(settings: Settings) -> Iterator[Finding]:
    """Examine whether the statement timeout is below the request timeout."""
    if settings.database_statement_timeout >= settings.request_timeout:
        yield Finding(
            ADVICE,
            "DATABASE_STATEMENT_TIMEOUT is not below REQUEST_TIMEOUT: each statement that exceeds "
            "it costs a connection.",
        )


def examine_openings(settings: Settings) -> Iterator[Finding]:
    """Examine the features that `dev` enables."""
    features = {
        "GRAPHIQL": settings.graphiql,
        "INTROSPECTION": settings.introspection,
        "EXPOSE_COST": settings.expose_cost,
    }
    enabled = [name for name, is_enabled in features.items() if is_enabled]
    for name in enabled:
        yield Finding(ADVICE, f"{name} is enabled: it is intended for development.")
    if not enabled:
        yield Finding(GOOD, "GRAPHIQL, INTROSPECTION and EXPOSE_COST are disabled.")


def examine_origins(settings: Settings) -> Iterator[Finding]:
    """Examine the origins whose pages can call the API."""
    if "*" in settings.cors_origins:
        yield Finding(ADVICE, "CORS_ORIGINS is *: the pages of any site can call the API.")


def examine_limits(settings: Settings) -> Iterator[Finding]:
    """Examine the rate limits, and whether the budget covers the most expensive operation."""
    if settings.rate_limit == UNLIMITED:
        yield Finding(ADVICE, "RATE_LIMIT is none: one user can keep the server busy.")
    else:
        yield Finding(GOOD, f"RATE_LIMIT limits the cost of each user to {settings.rate_limit}.")
        amount = int(settings.rate_limit.partition("/")[0])
        if amount < settings.max_query_cost:
            yield Finding(
                ADVICE,
                f"RATE_LIMIT is below MAX_QUERY_COST: an operation that costs more than {amount} "
                "is always rejected, although MAX_QUERY_COST allows it.",
            )
    if settings.rate_limit_failures == UNLIMITED:
        yield Finding(ADVICE, "RATE_LIMIT_FAILURES is none: clients can try any number of tokens.")


def examine_proxies(settings: Settings) -> Iterator[Finding]:
    """Advise against proxies that cover all addresses, also as several networks."""
    networks = [ip_network(one) for one in settings.trusted_proxies]
    fours = collapse_addresses(one for one in networks if isinstance(one, IPv4Network))
    sixes = collapse_addresses(one for one in networks if isinstance(one, IPv6Network))
    for network in ALL_ADDRESSES & {str(one) for one in (*fours, *sixes)}:
        yield Finding(
            ADVICE,
            f"TRUSTED_PROXIES trusts every address ({network}): any client can claim any address "
            "in X-Forwarded-For, and so try any number of tokens.",
        )
