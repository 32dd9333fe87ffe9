"""The channel of hints that the settings choose."""

from todo_graphql.server.live.hint_channel import BusChannel
from todo_graphql.server.live.hub import HintChannel, SingleProcess
from todo_graphql.server.live.redis_bus import RedisBus
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.notifications import NotificationBus


def create_channel(settings: Settings) -> HintChannel:
    """Return the channel over LIVE_URL, or else over the Redis of the rate limits. Without either,
    the streams of other processes find changes by their checks.
    """
    url = settings.live_url or settings.rate_limit_storage_url
    if url is None:
        return SingleProcess()
    if url.get_secret_value().startswith("redis"):
        return BusChannel(RedisBus(url.get_secret_value()))
    return BusChannel(NotificationBus(url, settings))
