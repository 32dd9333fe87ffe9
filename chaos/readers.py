"""Those who ask the same again and again: how many are answered, with what, and how soon."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import quantiles
from typing import Any

from chaos.clients import Answer, Caller, request_for, together
from chaos.environment import Person

DOCUMENT = "{ tasks(first: 20) { nodes { id title completedAt createdAt } } }"
CREATE_MANY = """mutation ($input: [CreateTaskInput!]!) { createTasks(input: $input) { count } }"""


def read_for(
    port: int, people: Sequence[Person], seconds: float, pause: float = 0.0
) -> list[Answer]:
    """Each of them asks for a page again and again, with a pause in between."""
    return ask_for(port, people, seconds, DOCUMENT, pause=pause)


def ask_for(
    port: int,
    people: Sequence[Person],
    seconds: float,
    document: str,
    *,
    pause: float = 0.0,
    **variables: Any,
) -> list[Answer]:
    """Each of them asks this at least once, and again and again for so long."""
    deadline = time.monotonic() + seconds

    async def ask(who: Person) -> list[Answer]:
        """One's answers, without what is in them."""
        caller, answers = Caller(port, who.token), list[Answer]()
        request = request_for(document, variables, who.token)
        while time.monotonic() < deadline or not answers:
            answers.append(replace(await caller.send(request), body=b""))
            await asyncio.sleep(pause)
        caller.hang_up()
        return answers

    return together(map(ask, people))


def furnish(port: int, people: Sequence[Person], title: str = "Task", tasks: int = 100) -> None:
    """Give each of them something to read."""

    new = [{"title": f"{title} {number}"} for number in range(tasks)]
    for answer in ask_for(port, people, 0, CREATE_MANY, input=new):
        assert answer.outcome == "ok", answer


def p99(answers: Sequence[Answer]) -> float:
    """What 99 of 100 answers took at most."""
    times = [answer.seconds for answer in answers]
    return quantiles(times, n=100)[98] if len(times) > 1 else sum(times)
