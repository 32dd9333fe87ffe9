"""Turns of the imports of a process: one at a time occupies the interpreter and PostgreSQL.

Decision 0012 has the measurements.
"""

import sys
import threading
from collections import deque
from contextlib import AbstractContextManager
from time import perf_counter, sleep
from types import TracebackType

from todo_graphql.errors import TOO_LATE, Unavailable
from todo_graphql.store.postgres.connection import ViewerConnection

SWITCH_SECONDS = 0.0005
"""The interval after which an import hands the interpreter over to a waiting thread."""

WORK_SECONDS = 0.001
PAUSE_SECONDS = 0.001
"""The pause after each WORK_SECONDS, in which other threads find the interpreter free."""


CHECK_SECONDS = 0.2
"""The interval between two checks for an abort while an import waits for its turn."""


class ImportTurns:
    """A lock that waiting threads get in order."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._is_taken = False
        self._waiting = deque[threading.Lock]()

    def take(self, connection: ViewerConnection) -> None:
        """Wait for a turn. Raises Unavailable when the connection is aborted before."""
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
                return
            own = threading.Lock()
            own.acquire()
            self._waiting.append(own)
        while not own.acquire(timeout=CHECK_SECONDS):
            if connection.is_aborted:
                self._leave(own)
                raise Unavailable(TOO_LATE)

    def _leave(self, own: threading.Lock) -> None:
        """Give up a turn that was waited for, or that was received at the same moment."""
        with self._mutex:
            if own in self._waiting:
                self._waiting.remove(own)
                return
        self.pass_on()

    def pass_on(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False

    @property
    def waiting(self) -> int:
        """Return the number of imports that wait for their turn."""
        return len(self._waiting)

    def turn(self, connection: ViewerConnection) -> "Turn":
        return Turn(self, connection)


class Turn(AbstractContextManager[None]):
    """The turns of one import, which ends when its connection is aborted."""

    def __init__(self, turns: ImportTurns, connection: ViewerConnection) -> None:
        self._turns = turns
        self._connection = connection
        self._resumed_at = 0.0

    def __enter__(self) -> None:
        self._turns.take(self._connection)
        self._usual_seconds = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._resumed_at = perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sys.setswitchinterval(self._usual_seconds)
        self._turns.pass_on()

    def check(self) -> None:
        """Pause when it is time. Raises Unavailable after an abort."""
        if self._connection.is_aborted:
            raise Unavailable(TOO_LATE)
        if perf_counter() - self._resumed_at > WORK_SECONDS:
            sleep(PAUSE_SECONDS)
            self._resumed_at = perf_counter()
