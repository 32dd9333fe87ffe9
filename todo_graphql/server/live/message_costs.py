"""Costs of a WebSocket's messages, which are charged together."""

from todo_graphql.server.live import limits


class MessageCosts:
    """The event loop's time for the handshake and the messages that were not charged yet."""

    def __init__(self) -> None:
        self._sum = limits.HANDSHAKE_COST
        self._due_from = 0  # the first message is charged at once, which finds an empty budget

    def add(self, characters: int) -> None:
        """Add the cost of a message."""
        self._sum += limits.MESSAGE_COST + characters // limits.CHARACTERS_PER_COST

    @property
    def are_due(self) -> bool:
        """Return whether the costs are worth the call that charges them."""
        return self._sum >= self._due_from

    def take(self) -> int:
        """Return the costs, which the caller charges."""
        self._due_from = limits.CHARGED_COST
        cost, self._sum = self._sum, 0
        return cost

    def put_back(self, cost: int) -> None:
        """Add costs that could not be charged."""
        self._sum += cost
