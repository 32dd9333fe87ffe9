"""Readers: how many are answered, with what, and how soon."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import quantiles

from chaos.clients import Answer, Caller, request_for
from chaos.home import Person

DOCUMENT = "{ tasks(first: 20) { nodes { id title completedAt createdAt } } }"
CREATE = """mutation ($input: [CreateTaskInput!]!) { createTasks(input: $input) { count } }"""


def read_for(
    port: int, people: Sequence[Person], seconds: float, pause: float = 0.0
) -> list[Answer]:
    """Each of them asks for a page again and again, with a pause in between."""
    deadline = time.monotonic() + seconds

    async def everybody() -> list[Answer]:
        several = await asyncio.gather(*(read(port, who, deadline, pause) for who in people))
        return [answer for answers in several for answer in answers]

    return asyncio.run(everybody())


async def read(port: int, who: Person, deadline: float, pause: float) -> list[Answer]:
    """One reader's answers, without what is in them."""
    caller, answers = Caller(port, who.token), list[Answer]()
    request = request_for(DOCUMENT, {}, who.token)
    while time.monotonic() < deadline:
        answers.append(replace(await caller.send(request), body=b""))
        await asyncio.sleep(pause)
    caller.hang_up()
    return answers


def furnish(port: int, people: Sequence[Person], title: str = "Task", tasks: int = 100) -> None:
    """Give each of them something to read."""

    async def create(who: Person) -> None:
        caller = Caller(port, who.token)
        new = [{"title": f"{title} {number}"} for number in range(tasks)]
        answer = await caller.ask(CREATE, input=new)
        assert answer.outcome == "ok", answer
        caller.hang_up()

    async def everybody() -> None:
        for who in people:
            await create(who)

    asyncio.run(everybody())


def p99(answers: Sequence[Answer]) -> float:
    """What 99 of 100 answers took at most."""
    times = [answer.seconds for answer in answers]
    return quantiles(times, n=100)[98] if len(times) > 1 else sum(times)
