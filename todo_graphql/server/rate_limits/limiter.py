"""Rate limits: the budget of each user, and the failed authentications of each address."""

import time
from ipaddress import IPv6Address, ip_address

from todo_graphql.api.budget import Allowance, Budget
from todo_graphql.errors import RateLimited
from todo_graphql.server.rate_limits.pending_costs import PendingCosts
from todo_graphql.server.rate_limits.redis import RedisWindow
from todo_graphql.server.rate_limits.sliding_window import InMemoryWindow, Limit, WindowState
from todo_graphql.server.thread_pool import ThreadPool
from todo_graphql.settings.settings import Settings
from todo_graphql.settings.types import RATE, UNLIMITED

UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}

PENDING_PARTS = 1_000
"""Pending costs of more than one part of a limit do not wait for the next request."""

MAX_WAITING = 100
"""The maximum number of failures that wait to be counted in Redis."""


class KeyedLimit:
    """A limit and the counts of its keys, in Redis or else in memory."""

    def __init__(self, name: str, text: str, redis: RedisWindow | None) -> None:
        """Parse a text such as `5000/10 minutes`. Keys in Redis contain the name and the limit."""
        self.limit = parse_rate(text)
        self._prefix = f"{name}/{self.limit.amount}/{self.limit.seconds}/"
        self._redis = redis
        self.waits_for_redis = redis is not None
        self._memory = InMemoryWindow(self.limit)
        self._pending = PendingCosts(self.limit.seconds)
        self.deduct = self._memory.add if redis is None else self._add_pending
        self.refund = self._memory.refund if redis is None else self._pending.refund
        self._max_pending = self.limit.amount // PENDING_PARTS

    def budget_of(self, key: str) -> "KeyBudget":
        """Return the budget of a user or an address."""
        return KeyBudget(self, key)

    def spend(self, key: str, cost: int) -> Allowance:
        state = self._count(key, cost)
        return self._allowance(key, state, cost, granted=state.granted)

    def check(self, key: str, cost: int) -> Allowance:
        state = self._count(key, 0)
        fits = self._used(key, state) + cost <= self.limit.amount
        return self._allowance(key, state, cost, granted=fits)

    def _used(self, key: str, state: WindowState) -> int:
        return max(0, state.used(self.limit) - self._pending.refund_of(key))

    def _allowance(self, key: str, state: WindowState, cost: int, *, granted: bool) -> Allowance:
        limit = self.limit
        return Allowance(
            limit.amount,
            max(0, limit.amount - self._used(key, state)),
            cost,
            time.time() + state.reset_after(),
            0 if granted else state.retry_after(cost, limit),
        )

    def _add_pending(self, key: str, cost: int) -> None:
        """Add a small cost to the next request of the key, which counts both in Redis at once."""
        if self._pending.add(key, cost) > self._max_pending:
            self._count(key, 0)

    def _count(self, key: str, cost: int) -> WindowState:
        if self._redis is not None:
            pending, refund = self._pending.pop(key), self._pending.pop_refund(key, cost)
            cost -= refund
            shared = self._redis.count(self._prefix + key, self.limit, cost, pending)
            if shared is None:
                self._memory.add(key, pending)
                shared = self._memory.count(key, cost)
            if refund and not shared.granted:
                self._pending.refund(key, refund)
            return shared
        return self._memory.count(key, cost)


class KeyBudget:
    """The budget of one key of a rate limit."""

    __slots__ = ("_key", "_rate_limit", "limit", "waits_for_redis")

    def __init__(self, rate_limit: KeyedLimit, key: str) -> None:
        self._rate_limit = rate_limit
        self._key = key
        self.limit = rate_limit.limit.amount
        self.waits_for_redis = rate_limit.waits_for_redis

    def spend(self, cost: int) -> Allowance:
        return self._rate_limit.spend(self._key, cost)

    def check(self, cost: int) -> Allowance:
        return self._rate_limit.check(self._key, cost)

    def deduct(self, cost: int) -> None:
        self._rate_limit.deduct(self._key, cost)

    def refund(self, cost: int) -> None:
        self._rate_limit.refund(self._key, cost)


class RateLimiter:
    """The rate limits that the settings define."""

    def __init__(self, settings: Settings) -> None:
        url = settings.rate_limit_storage_url
        self._redis = None if url is None else RedisWindow(url.get_secret_value())
        self._users = self._rate_limit("user", settings.rate_limit)
        self._failures = self._rate_limit("address", settings.rate_limit_failures)
        # The threads of operations are reserved for requests with a valid token.
        self._thread_pool = ThreadPool(1, MAX_WAITING)

    def _rate_limit(self, name: str, text: str) -> KeyedLimit | None:
        return None if text == UNLIMITED else KeyedLimit(name, text, self._redis)

    def budget_of(self, key: str) -> Budget | None:
        """Return the budget of a user, or None without a limit."""
        return None if self._users is None else self._users.budget_of(key)

    async def count_failure(self, host: str | None) -> None:
        """Count a request without a valid token. Raises RateLimited above the limit."""
        if self._failures is None:
            return
        budget = self._failures.budget_of(client_network(host))
        if budget.waits_for_redis:
            allowance = await self._thread_pool.run(budget.spend, 1)
        else:
            allowance = budget.spend(1)
        if allowance.retry_after:
            raise RateLimited(
                "Too many requests without a valid token from this address. Retry later.",
                retry_after=allowance.retry_after,
            )

    def close(self) -> None:
        """Wait until pending failures are counted, and disconnect from Redis."""
        self._thread_pool.close()
        if self._redis is not None:
            self._redis.close()


def parse_rate(text: str) -> Limit:
    """Return the limit that a text such as `5000/10 minutes` defines."""
    match = RATE.fullmatch(text)
    assert match is not None  # the settings are validated
    amount, multiple, unit = match.groups()
    return Limit(int(amount), int(multiple or 1) * UNIT_SECONDS[unit])


def client_network(host: str | None) -> str:
    """Return the key of a client: its IPv4 address, or the /64 network of its IPv6 address.

    A customer of a provider may use any address in a /64 network. Invalid addresses share one key.
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
