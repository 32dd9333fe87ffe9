"""How much each user may spend, and how often each address may fail to say who it is."""

import time
from ipaddress import IPv6Address, ip_address
from uuid import UUID

from todo_graphql.api.budgets import Allowance
from todo_graphql.config import Settings
from todo_graphql.errors import RateLimited
from todo_graphql.server.windows import Count, Limit, Memory, Shared
from todo_graphql.server.workers import Workers
from todo_graphql.values import RATE, UNLIMITED

UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}

MOST_WAITING = 100
"""Failures that may wait until they are counted in Redis."""


class Rate:
    """A limit, and whoever counts towards it."""

    def __init__(self, name: str, text: str, shared: Shared | None) -> None:
        """The text is in the notation of RATE. Different limits are counted apart."""
        self.limit = parse_rate(text)
        self._prefix = f"{name}/{self.limit.amount}/{self.limit.seconds}/"
        self._shared = shared
        self._memory = Memory(self.limit)

    def spend(self, who: str, cost: int) -> Allowance:
        """Take this, if there is as much."""
        limit, count = self.limit, self._count(who, cost)
        return Allowance(
            limit.amount,
            max(0, limit.amount - count.used(limit)),
            cost,
            time.time() + count.fades_in(),
            0 if count.granted else count.room_in(cost, limit),
        )

    def _count(self, who: str, cost: int) -> Count:
        shared = self._shared and self._shared.count(self._prefix + who, self.limit, cost)
        return shared or self._memory.count(who, cost)


class UsersBudget:
    """What a user may spend: `limit` is the most that it ever holds."""

    __slots__ = ("_rate", "_user_id", "limit")

    def __init__(self, rate: Rate, user_id: UUID) -> None:
        self._rate = rate
        self._user_id = user_id
        self.limit = rate.limit.amount

    def spend(self, cost: int) -> Allowance:
        """Take this, if there is as much. It may wait for Redis."""
        return self._rate.spend(str(self._user_id), cost)


class Rates:
    """The limits of the settings."""

    def __init__(self, settings: Settings) -> None:
        url = settings.rate_limit_storage_url
        self._shared = None if url is None else Shared(url.get_secret_value())
        self._users = self._rate("user", settings.rate_limit)
        self._failures = self._rate("address", settings.rate_limit_failures)
        # Threads of their own: those of operations are for whoever has a good token.
        self._counters = Workers(1, MOST_WAITING)

    def _rate(self, name: str, text: str) -> Rate | None:
        return None if text == UNLIMITED else Rate(name, text, self._shared)

    def budget_of(self, user_id: UUID) -> UsersBudget | None:
        """None where there is no limit."""
        return None if self._users is None else UsersBudget(self._users, user_id)

    async def count_failure(self, host: str | None) -> None:
        """Raises RateLimited when there were too many from this address."""
        if self._failures is None:
            return
        who = counted_address(host)
        if self._shared is None:
            allowance = self._failures.spend(who, 1)
        else:
            allowance = await self._counters.run(self._failures.spend, who, 1)
        if allowance.retry_after:
            raise RateLimited(
                "Too many requests without a good token came from your address.",
                retry_after=allowance.retry_after,
            )

    def close(self) -> None:
        """Wait for what is being counted, and leave Redis."""
        self._counters.close()
        if self._shared is not None:
            self._shared.close()


def parse_rate(text: str) -> Limit:
    """Return the limit that a text such as `5000/10 minutes` names."""
    match = RATE.fullmatch(text)
    assert match is not None  # the settings hold no other one
    amount, multiple, unit = match.groups()
    return Limit(int(amount), int(multiple or 1) * UNIT_SECONDS[unit])


def counted_address(host: str | None) -> str:
    """What a failure counts for: an address of IPv4, or the network of IPv6 that is given to one
    customer, who may choose 2**64 addresses in it. All that is no address is one.
    """
    try:
        address = ip_address(host or "")
    except ValueError:
        return "-"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(IPv6Address(int(address) >> 64 << 64))
        address = address.ipv4_mapped
    return str(address)
