"""Channel of hints that loses, doubles and delays them."""

import random
import threading
from contextlib import AbstractAsyncContextManager

from todo_graphql.server.live.hub import Deliver, HintChannel

MAX_DELAY_SECONDS = 0.05
COPIES = (0, 0, 1, 2)
"""The number of times that a hint arrives, each as likely as the others."""


class UnreliableChannel:
    """A channel whose hints arrive late, twice, out of order or never."""

    def __init__(self, channel: HintChannel) -> None:
        self._channel = channel
        self._chance = random.Random(17)  # noqa: S311 - not a secret

    def publish(self, user: str) -> None:
        self._channel.publish(user)

    def receiving(self, deliver: Deliver) -> AbstractAsyncContextManager[None]:
        def deliver_or_not(user: str) -> None:
            for _ in range(self._chance.choice(COPIES)):
                delay = self._chance.uniform(0, MAX_DELAY_SECONDS)
                threading.Timer(delay, deliver, (user,)).start()

        return self._channel.receiving(deliver_or_not)
