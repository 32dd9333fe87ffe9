"""The history of writes: the outcomes that clients saw, compared with the rows in PostgreSQL."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chaos.clients import Answer, Client, Outcome, run_together
from chaos.environment import Deployment, User

DOCUMENT = """
mutation ($input: CreateTaskInput!, $key: String) {
  createTask(input: $input, idempotencyKey: $key) { task { id } }
}
"""
RETRY_SECONDS = 0.05
"""The pause before a retry."""


@dataclass(slots=True)
class Write:
    """The creation of one task, with the outcome of each attempt."""

    user_id: str
    title: str
    given_id: str | None
    key: str | None
    returned_id: str | None = None
    answers: list[Answer] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """The final outcome. A failure does not resolve an earlier unknown outcome."""
        outcomes = [answer.outcome for answer in self.answers]
        if "ok" in outcomes:
            return "ok"
        return "unknown" if "unknown" in outcomes else "failed"

    async def attempt(self, client: Client) -> Answer:
        """Send the creation, each time with the same key or id."""
        given = {} if self.given_id is None else {"id": self.given_id}
        answer = await client.execute(DOCUMENT, input={"title": self.title, **given}, key=self.key)
        self.answers.append(answer)
        if answer.outcome == "ok":
            self.returned_id = answer.data()["createTask"]["task"]["id"]
        return answer


def new_writers(deployment: Deployment, number: int) -> list[User]:
    """Return writers, two for each user, so that some wait for each other."""
    users = deployment.new_users((number + 1) // 2, "writer")
    return [user for user in users for _ in range(2)][:number]


MOST_ATTEMPTS = 600
"""The limit of attempts that resolve an unknown outcome."""


def write_repeatedly(
    port: int, clients: Sequence[User], seconds: float, max_attempts: int = MOST_ATTEMPTS
) -> list[Write]:
    """Create tasks repeatedly for this time, and resolve the outcome of each writer's last task."""
    deadline = time.monotonic() + seconds
    return run_together(write(port, user, deadline, max_attempts) for user in clients)


async def write(port: int, user: User, deadline: float, max_attempts: int) -> list[Write]:
    """Create tasks of one writer, in turn under its own id and with an idempotency key.

    Repeat a creation while its outcome is unknown, up to the limit of attempts.
    """
    client, history = Client(port, user.token), list[Write]()
    while time.monotonic() < deadline:
        token = str(uuid.uuid4())
        by_id = len(history) % 2 == 0
        one = Write(user.id, token, *((token, None) if by_id else (None, token)))
        history.append(one)
        await one.attempt(client)
        while one.outcome == "unknown" and len(one.answers) < max_attempts:
            await asyncio.sleep(RETRY_SECONDS)
            await one.attempt(client)
        if one.outcome == "failed":
            await asyncio.sleep(RETRY_SECONDS)
    client.close()
    return history


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences between the history and the tables. The last four must be zero."""

    acknowledged: int
    repeated: int
    lost: int
    duplicates: int
    unexpected: int
    """Tasks that exist although every attempt failed."""

    unknown: int

    @property
    def differences(self) -> int:
        return self.lost + self.duplicates + self.unexpected + self.unknown


def compare(deployment: Deployment, history: Sequence[Write]) -> Comparison:
    """Compare the history with the tables, as an administrator."""
    users = sorted({one.user_id for one in history})
    rows = deployment.query(
        "SELECT user_id::text, title, id::text FROM tasks WHERE user_id = ANY(%s::uuid[])", users
    )
    there = Counter((user_id, title) for user_id, title, _ in rows)
    ids = {(user_id, title): task_id for user_id, title, task_id in rows}
    acknowledged = [one for one in history if one.outcome == "ok"]
    return Comparison(
        acknowledged=len(acknowledged),
        repeated=sum(len(one.answers) > 1 for one in history),
        lost=sum(ids.get((one.user_id, one.title)) != one.returned_id for one in acknowledged),
        duplicates=sum(number - 1 for number in there.values()),
        unexpected=sum(
            one.outcome == "failed" and (one.user_id, one.title) in ids for one in history
        ),
        unknown=sum(one.outcome == "unknown" for one in history),
    )


def answers_in(history: Iterable[Write]) -> list[Answer]:
    """Return the outcomes of all attempts."""
    return [answer for one in history for answer in one.answers]


def first_success(history: Sequence[Write], after: float) -> float | None:
    """Return the first time of a success whose request began after this time."""
    ends = [one.ended for one in answers_in(history) if one.outcome == "ok" and one.began > after]
    return min(ends, default=None)
