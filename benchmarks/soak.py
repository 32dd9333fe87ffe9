"""The soak test: the memory of a worker after many requests with many documents."""

from collections.abc import Iterator, Sequence

from benchmarks.load_generator import Job, LoadProcess
from benchmarks.measurement import resident_bytes
from benchmarks.targets import Server
from benchmarks.workloads import (
    CREATED_TITLE,
    FULL,
    PAGE_INFO,
    SHORT,
    Operation,
    User,
    Users,
    encode_request,
    graphql,
)

DOCUMENTS = 10_000
REQUESTS = 100_000
STEPS = 10
CONNECTIONS = 8
STEP_SECONDS = 300
"""The limit of a step."""


def soak(users: Users, load: LoadProcess, server: Server) -> Iterator[tuple[int, int]]:
    """Send all requests in steps. Yield their number and the server's memory, first before any."""
    requests = list(distinct_requests(users))
    each = REQUESTS // STEPS
    yield 0, resident_bytes(server.pid)
    for step in range(1, STEPS + 1):
        load.run(Job(server.port, requests, CONNECTIONS, STEP_SECONDS, each, first_mark=0))
        yield step * each, resident_bytes(server.pid)


def distinct_requests(users: Users) -> Iterator[bytes]:
    """Yield nine reads and one write of ten, each with a document of its own."""
    for number in range(DOCUMENTS):
        group: Sequence[User] = users.writers if number % 10 == 9 else users.readers
        user = group[number % len(group)]
        yield encode_request(operation_of(user, number), user.token)


def operation_of(user: User, number: int) -> Operation:
    """Return the operation of this number, with unique aliases."""
    task = user.tasks[number % len(user.tasks)]
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
