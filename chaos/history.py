"""What writers were told, and what PostgreSQL has."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chaos.clients import Answer, Caller, Outcome, together
from chaos.environment import Home, Person

DOCUMENT = """
mutation ($input: CreateTaskInput!, $key: String) {
  createTask(input: $input, idempotencyKey: $key) { task { id } }
}
"""
RETRY = 0.05
"""Seconds before somebody tries again."""


@dataclass(slots=True)
class Write:
    """A task that somebody wanted to be there, and what became of each attempt."""

    user_id: str
    title: str
    given_id: str | None
    key: str | None
    told_id: str | None = None
    answers: list[Answer] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """What is known in the end. Who was ever told "unknown" does not know by a "failed"."""
        outcomes = [answer.outcome for answer in self.answers]
        if "ok" in outcomes:
            return "ok"
        return "unknown" if "unknown" in outcomes else "failed"

    async def attempt(self, caller: Caller) -> Answer:
        """Send it, with the same key each time."""
        given = {} if self.given_id is None else {"id": self.given_id}
        answer = await caller.ask(DOCUMENT, input={"title": self.title, **given}, key=self.key)
        self.answers.append(answer)
        if answer.outcome == "ok":
            self.told_id = answer.data()["createTask"]["task"]["id"]
        return answer


def writers(home: Home, number: int) -> list[Person]:
    """Two of each user, so that some wait for each other."""
    people = home.people((number + 1) // 2, "writer")
    return [person for person in people for _ in range(2)][:number]


MOST_ATTEMPTS = 600
"""To learn what became of a write, before a writer gives up."""


def write_for(
    port: int, crowd: Sequence[Person], seconds: float, most: int = MOST_ATTEMPTS
) -> list[Write]:
    """All of them write for so long, and then until each knows what became of their last one."""
    deadline = time.monotonic() + seconds
    return together(write(port, who, deadline, most) for who in crowd)


async def write(port: int, who: Person, deadline: float, most: int) -> list[Write]:
    """One writer's: every other one by an id of its own, the others by an idempotency key. What
    is unknown is repeated until it is known, but not for ever.
    """
    caller, ledger = Caller(port, who.token), list[Write]()
    while time.monotonic() < deadline:
        token = str(uuid.uuid4())
        by_id = len(ledger) % 2 == 0
        one = Write(who.id, token, *((token, None) if by_id else (None, token)))
        ledger.append(one)
        await one.attempt(caller)
        while one.outcome == "unknown" and len(one.answers) < most:
            await asyncio.sleep(RETRY)
            await one.attempt(caller)
        if one.outcome == "failed":
            await asyncio.sleep(RETRY)
    caller.hang_up()
    return ledger


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between the ledger and the tables. All but the first should be zero."""

    acknowledged: int
    repeated: int
    lost: int
    duplicates: int
    undead: int
    """Those that were there although their writers were told that nothing was done."""
    unknown: int

    @property
    def differences(self) -> int:
        return self.lost + self.duplicates + self.undead + self.unknown


def compare(home: Home, ledger: Sequence[Write]) -> Comparison:
    """Look each of them up, as an administrator."""
    users = sorted({one.user_id for one in ledger})
    rows = home.query(
        "SELECT user_id::text, title, id::text FROM tasks WHERE user_id = ANY(%s::uuid[])", users
    )
    there = Counter((user_id, title) for user_id, title, _ in rows)
    ids = {(user_id, title): task_id for user_id, title, task_id in rows}
    told = [one for one in ledger if one.outcome == "ok"]
    return Comparison(
        acknowledged=len(told),
        repeated=sum(len(one.answers) > 1 for one in ledger),
        lost=sum(ids.get((one.user_id, one.title)) != one.told_id for one in told),
        duplicates=sum(number - 1 for number in there.values()),
        undead=sum(one.outcome == "failed" and (one.user_id, one.title) in ids for one in ledger),
        unknown=sum(one.outcome == "unknown" for one in ledger),
    )


def answers_in(ledger: Iterable[Write]) -> list[Answer]:
    """All answers that these writers got."""
    return [answer for one in ledger for answer in one.answers]


def first_success(ledger: Sequence[Write], after: float) -> float | None:
    """The first moment after this one at which somebody was told that it is done."""
    ends = [one.ended for one in answers_in(ledger) if one.outcome == "ok" and one.began > after]
    return min(ends, default=None)
