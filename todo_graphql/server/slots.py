"""Slots of one process: what a user, and all users, can hold at a time."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

RequireSlot = Callable[[int, int], None]
"""A check that raises if the owner, who holds the first number of all slots, the second number,
can have no further one.
"""


class Slots:
    """The slots in use, for use on the event loop."""

    def __init__(self, require_slot: RequireSlot) -> None:
        self._require_slot = require_slot
        self._held: Counter[Hashable] = Counter()
        self.total = 0
        """The number of slots in use, which any thread can read."""

    @contextmanager
    def hold(self, owner: Hashable) -> Iterator[None]:
        """Hold a slot in the `with` block. Raises the error of the check if none is free."""
        self._require_slot(self._held[owner], self.total)
        self._held[owner] += 1
        self.total += 1
        try:
            yield
        finally:
            self.total -= 1
            self._held[owner] -= 1
            if not self._held[owner]:
                del self._held[owner]
