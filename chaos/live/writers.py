"""Writers beside live streams: random writes at a fixed rate."""

import asyncio
import random
import time
import uuid
from collections.abc import Sequence
from typing import Any

from chaos.clients import Answer, Client, request_for
from chaos.environment import User
from chaos.live.clients import OWNER_CHARACTERS

CONNECTIONS = 16
BULK = 5
"""The number of tasks that one write of twenty creates."""

CREATE = "mutation ($new: [CreateTaskInput!]!) { createTasks(input: $new) { revision } }"
UPDATE = (
    "mutation ($id: ID!, $title: String!) { updateTask(id: $id, input: {title: $title})"
    " { revision } }"
)
PURGE = "mutation ($id: ID!) { purgeTask(id: $id) { revision } }"


class RandomWriter:
    """Random writes of many users: creates, updates and permanent deletions."""

    def __init__(self, users: Sequence[User]) -> None:
        self._users = users
        self._tasks: dict[str, list[str]] = {user.id: [] for user in users}
        self._number = 0

    def next(self) -> bytes:
        """Return a request."""
        user = random.choice(self._users)  # noqa: S311 - not a secret
        own, chance = self._tasks[user.id], random.random()  # noqa: S311
        self._number += 1
        title = f"Task {self._number}"
        if not own or chance < 0.6:
            number = BULK if chance < 0.05 else 1
            new = [self._new_task(user, title) for _ in range(number)]
            own += [task["id"] for task in new]
            return request_for(CREATE, {"new": new}, user.token)
        place = random.randrange(len(own))  # noqa: S311
        if chance < 0.85:
            return request_for(UPDATE, {"id": own[place], "title": title}, user.token)
        return request_for(PURGE, {"id": own.pop(place)}, user.token)

    def _new_task(self, user: User, title: str) -> dict[str, Any]:
        """Return a task whose id tells its owner."""
        task_id = user.id[:OWNER_CHARACTERS] + str(uuid.uuid4())[OWNER_CHARACTERS:]
        return {"id": task_id, "title": title}


def write_at_rate(
    port: int, users: Sequence[User], seconds: float, per_second: float
) -> list[Answer]:
    """Send random writes for this time, at most at this rate."""
    writer, began = RandomWriter(users), time.monotonic()
    total = round(seconds * per_second)
    answers = list[Answer]()

    async def send(number: int) -> None:
        """Send each so many-th write at its time, or at once when it is late."""
        client = Client(port, "")
        for turn in range(number, total, CONNECTIONS):
            await asyncio.sleep(began + turn / per_second - time.monotonic())
            if time.monotonic() > began + seconds:
                break
            answers.append(await client.send(writer.next()))
        client.close()

    async def send_all() -> None:
        await asyncio.gather(*map(send, range(CONNECTIONS)))

    asyncio.run(send_all())
    return answers
