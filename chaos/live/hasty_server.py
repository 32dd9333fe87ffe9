"""`serve` with short times of live streams, for short forms of experiments."""

from todo_graphql.cli import main
from todo_graphql.server.live import limits
from todo_graphql.server.protocol.limits import MinDataRate

if __name__ == "__main__":
    limits.CHECK_SECONDS = 3.0
    limits.SEND_RATE = MinDataRate(2.0, 10_000_000)
    limits.MIN_PAUSE_SECONDS, limits.MAX_PAUSE_SECONDS = 0.2, 1.0
    main()
