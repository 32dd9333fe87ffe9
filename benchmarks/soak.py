"""Memory: what a worker holds after many requests with many different documents."""

from collections.abc import Iterator, Sequence

from benchmarks.load_generator import Job, Load
from benchmarks.measurement import resident_bytes
from benchmarks.targets import Server
from benchmarks.workloads import (
    CREATED_TITLE,
    FULL,
    PAGE_INFO,
    SHORT,
    People,
    Person,
    Question,
    graphql,
    http,
)

DOCUMENTS = 10_000
REQUESTS = 100_000
STEPS = 10
CONNECTIONS = 8
LONGEST = 300
"""Seconds that a step may take."""


def endure(people: People, load: Load, server: Server) -> Iterator[tuple[int, int]]:
    """Send all requests, each document again and again. Yields, before the first one and after
    each step, how many there were and how many bytes the server holds.
    """
    requests = list(different_requests(people))
    each = REQUESTS // STEPS
    yield 0, resident_bytes(server.pid)
    for step in range(1, STEPS + 1):
        load.run(Job(server.port, requests, CONNECTIONS, LONGEST, each, first_mark=0))
        yield step * each, resident_bytes(server.pid)


def different_requests(people: People) -> Iterator[bytes]:
    """Nine reads and one write of ten, no two with the same document."""
    for number in range(DOCUMENTS):
        group: Sequence[Person] = people.writers if number % 10 == 9 else people.readers
        person = group[number % len(group)]
        yield http(question(person, number), person.token)


def question(person: Person, number: int) -> Question:
    """The question of this number, under names that no other one has."""
    task = person.tasks[number % len(person.tasks)]
    bodies = (
        f"a{number}: task(id: $id) {{ {FULL} }}",
        f"tasks(first: 20) {{ nodes {{ b{number}: title {SHORT} }} {PAGE_INFO} }}",
        f"c{number}: task(id: $id) {{ id title tags user {{ email }} }}",
        f"tasks(last: 5) {{ d{number}: edges {{ cursor node {{ {FULL} }} }} {PAGE_INFO} }}",
        f"node(id: $id) {{ e{number}: id ... on Task {{ {FULL} }} }}",
        f"tasks(first: 3, filter: {{completed: false}}) {{ f{number}: totalCount nodes {{ id }} }}",
        f"me {{ g{number}: revision tasks(first: 2) {{ nodes {{ {SHORT} }} }} }}",
        f"overview {{ h{number}: open overdue tags {{ tag total }} }}",
        f"i{number}: tasks(first: 10, orderBy: [{{field: TITLE}}]) {{ nodes {{ {FULL} }} }}",
    )
    kind = number % 10
    if kind < len(bodies):
        return graphql(
            f"query Read{number}($id: ID!) {{ task(id: $id) {{ id }} {bodies[kind]} }}", id=task
        )
    created = f'createTask(input: {{title: "{CREATED_TITLE}"}}) {{ j{number}: task {{ {SHORT} }} }}'
    updated = f'updateTask(id: "{task}", input: {{title: "x"}}) {{ task {{ {SHORT} }} }}'
    return graphql(f"mutation Write{number} {{ {created if number % 20 == 9 else updated} }}")
