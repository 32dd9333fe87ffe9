"""The channel of hints that the settings choose."""

from todo_graphql.server.live.hint_channel import Bus, BusChannel
from todo_graphql.server.live.hub import HintChannel, SingleProcess
from todo_graphql.server.live.redis_bus import RedisBus
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.notifications import NotificationBus


def create_channel(settings: Settings) -> HintChannel:
    """Return the channel between processes.

    Without a bus, the streams of other processes find changes by their checks.
    """
    bus = create_bus(settings)
    return SingleProcess() if bus is None else BusChannel(bus)


def create_bus(settings: Settings) -> Bus | None:
    """Return the bus at LIVE_URL, or else the Redis of the rate limits, if there is one."""
    url = settings.live_url or settings.rate_limit_storage_url
    if url is None:
        return None
    if url.get_secret_value().lower().startswith(("redis://", "rediss://")):
        return RedisBus(url.get_secret_value())
    return NotificationBus(url, settings)
