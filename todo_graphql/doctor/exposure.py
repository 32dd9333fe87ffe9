"""What anybody may see, and how much they may ask for."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from todo_graphql.doctor.findings import ADVICE, GOOD, Finding
from todo_graphql.settings.settings import Settings
from todo_graphql.settings.types import UNLIMITED

EVERYBODY = {"0.0.0.0/0", "::/0"}


def examine_timeouts(settings: Settings) -> Iterator[Finding]:
    """Examine whether a statement ends before its request does."""
    if settings.database_statement_timeout >= settings.request_timeout:
        yield Finding(
            ADVICE,
            "DATABASE_STATEMENT_TIMEOUT is not below REQUEST_TIMEOUT: a connection is lost with "
            "each statement that takes too long.",
        )


def examine_openings(settings: Settings) -> Iterator[Finding]:
    """What `dev` opens."""
    openings = {
        "GRAPHIQL": settings.graphiql,
        "INTROSPECTION": settings.introspection,
        "EXPOSE_COST": settings.expose_cost,
    }
    opened = [name for name, is_open in openings.items() if is_open]
    for name in opened:
        yield Finding(ADVICE, f"{name} is on: it is meant for development.")
    if not opened:
        yield Finding(GOOD, "GraphiQL, introspection and costs are closed.")


def examine_origins(settings: Settings) -> Iterator[Finding]:
    """Examine which pages may call the API."""
    if "*" in settings.cors_origins:
        yield Finding(ADVICE, "CORS_ORIGINS is *: the pages of any site may call the API.")


def examine_limits(settings: Settings) -> Iterator[Finding]:
    """Examine whether there are limits, and whether each operation can be paid."""
    if settings.rate_limit == UNLIMITED:
        yield Finding(ADVICE, "RATE_LIMIT is none: one user can keep the server busy for ever.")
    else:
        yield Finding(GOOD, f"RATE_LIMIT lets each user spend {settings.rate_limit}.")
        amount = int(settings.rate_limit.partition("/")[0])
        if amount < settings.max_query_cost:
            yield Finding(
                ADVICE,
                f"RATE_LIMIT is below MAX_QUERY_COST: an operation that costs more than {amount} "
                "is always refused, although MAX_QUERY_COST allows it.",
            )
    if settings.rate_limit_failures == UNLIMITED:
        yield Finding(ADVICE, "RATE_LIMIT_FAILURES is none: tokens may be tried without end.")


def examine_proxies(settings: Settings) -> Iterator[Finding]:
    """Whether they are all addresses there are, be it in several parts."""
    networks = [ip_network(one) for one in settings.trusted_proxies]
    fours = collapse_addresses(one for one in networks if isinstance(one, IPv4Network))
    sixes = collapse_addresses(one for one in networks if isinstance(one, IPv6Network))
    for everybody in EVERYBODY & {str(one) for one in (*fours, *sixes)}:
        yield Finding(
            ADVICE,
            f"TRUSTED_PROXIES holds everybody ({everybody}): whoever sends X-Forwarded-For may "
            "claim any address, and try tokens without end.",
        )
