"""The workloads: equal operations in the notation of each target, and the expected results."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

from benchmarks.load_generator import MARK

Json = dict[str, Any]

SHORT = "id title completed createdAt"
FULL = (
    "id title description completed completedAt priority dueOn dueAt tags createdAt updatedAt"
    " deletedAt revision"
)
PAGE_INFO = "pageInfo { hasNextPage endCursor }"
COUNTS = "open overdue today nextSevenDays noDate completedToday completedThisWeek"
ROTATION = 240
"""The number of requests that are prepared and sent repeatedly."""


@dataclass(frozen=True, slots=True)
class User:
    """A user, and ids of its tasks outside of the trash."""

    id: str
    token: str
    tasks: Sequence[str]
    cursors: Mapping[int, str] = field(default_factory=dict)
    """The sync cursors behind which there are at most so many changes."""


@dataclass(frozen=True, slots=True)
class Users:
    """Readers and writers, which differ so that the tasks of readers never change."""

    readers: Sequence[User]
    writers: Sequence[User]


@dataclass(frozen=True, slots=True)
class Operation:
    """The path and the body of a request."""

    path: str
    body: Json


OperationFactory = Callable[[User, int], Operation]
"""A function that returns the operation of this number for a user."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A kind of operation. `rows` extracts comparable values from its data."""

    name: str
    title: str
    rows: Callable[[Json], Sequence[str]]
    expected: int | None = None
    writes: bool = False
    mixed: bool = False


def graphql(document: str, **variables: object) -> Operation:
    return Operation("/graphql", {"query": document, "variables": variables})


def task_id(data: Json) -> Sequence[str]:
    """Return the id of the only task in the data."""
    (task,) = data.values()
    task = task.get("task", task)
    return [task.get("id") or task["rowId"]]


def page_ids(data: Json) -> Sequence[str]:
    """Return the ids of the tasks of a page. Raise if it is not a page."""
    (page,) = data.values()
    assert {"hasNextPage", "endCursor"} <= page["pageInfo"].keys()
    assert all({"title", "createdAt"} <= node.keys() for node in page["nodes"])
    return [node.get("id") or node["rowId"] for node in page["nodes"]]


def change_ids(data: Json) -> Sequence[str]:
    """Return the ids of all changes. Raise if there are more of them."""
    changes = data["taskChanges"]
    assert (changes["reset"], changes["hasMore"]) == (False, False)
    return [change["task"]["id"] for change in changes["changes"]]


def overview_numbers(data: Json) -> Sequence[str]:
    """Return the counts that do not depend on the time, as text."""
    overview = data["overview"]
    assert set(COUNTS.split()) <= overview.keys()
    tags = [f"{tag['tag'].lower()} {tag['open']} {tag['total']}" for tag in overview["tags"]]
    return [str(overview["open"]), str(overview["noDate"]), *tags]


WORKLOADS = (
    Workload("task", "one task by its id", task_id, expected=1),
    Workload("page", "a page of 20, four fields", page_ids, expected=20),
    Workload("page100", "a page of 100, every field", page_ids, expected=100),
    Workload("search", "open tasks with “milk”, by due date", page_ids),
    Workload("overview", "an overview: counts and tags", overview_numbers),
    Workload("delta", "an empty delta", change_ids, expected=0),
    Workload("delta20", "a delta of 20, every field", change_ids, expected=20),
    Workload("delta200", "a delta of 200, every field", change_ids),
    Workload("create", "createTask", task_id, expected=1, writes=True),
    Workload("update", "updateTask", task_id, expected=1, writes=True),
    Workload("mix", "90 % reads, 10 % writes", page_ids, mixed=True),
    Workload("cold", "a page of 20, a new document each time", page_ids, expected=20),
)

READS = ("task", "page", "task", "search", "task", "page", "task", "page100", "page")
MIX = (*READS, "create", *READS[:-1], "overview", "update")


def _task(user: User, number: int) -> Operation:
    document = f"query Task($id: ID!) {{ task(id: $id) {{ {FULL} }} }}"
    return graphql(document, id=user.tasks[number % len(user.tasks)])


def _page(_person: User, _number: int) -> Operation:
    return graphql(f"query Page {{ tasks(first: 20) {{ nodes {{ {SHORT} }} {PAGE_INFO} }} }}")


def _page100(_person: User, _number: int) -> Operation:
    return graphql(f"query Page100 {{ tasks(first: 100) {{ nodes {{ {FULL} }} {PAGE_INFO} }} }}")


def _search(_person: User, _number: int) -> Operation:
    document = (
        "query Search($filter: TaskFilter) { tasks(first: 20, filter: $filter,"
        f" orderBy: [{{field: DUE}}]) {{ nodes {{ {SHORT} dueOn dueAt }} {PAGE_INFO} }} }}"
    )
    return graphql(document, filter={"search": "milk", "completed": False})


def _overview(_person: User, _number: int) -> Operation:
    return graphql(f"query Overview {{ overview {{ {COUNTS} tags {{ tag open total }} }} }}")


def _create(_person: User, _number: int) -> Operation:
    document = (
        "mutation Create($input: CreateTaskInput!) { createTask(input: $input)"
        f" {{ revision task {{ {SHORT} priority revision }} }} }}"
    )
    return graphql(document, input={"title": CREATED_TITLE, "priority": "HIGH"})


def _update(user: User, number: int) -> Operation:
    document = (
        "mutation Update($id: ID!, $input: UpdateTaskInput!) { updateTask(id: $id, input: $input)"
        " { revision task { id title updatedAt revision } } }"
    )
    return graphql(
        document,
        id=user.tasks[number % len(user.tasks)],
        input={"title": f"Updated {MARK.decode()}"},
    )


def _cold(_person: User, _number: int) -> Operation:
    page = f"tasks(first: 20) {{ nodes {{ {SHORT} }} {PAGE_INFO} }}"
    return graphql(f"query Page {{ p{MARK.decode()}: {page} }}")


def _delta(size: int) -> OperationFactory:
    document = (
        "query Delta($since: String) { taskChanges(since: $since)"
        f" {{ reset cursor hasMore revision changes {{ id revision task {{ {FULL} }} }} }} }}"
    )
    return lambda user, _number: graphql(document, since=user.cursors[size])


DELTAS = (0, 20, 200)
"""The numbers of changes in the deltas."""

CREATED_TITLE = "Made by the benchmark"

GRAPHQL: Mapping[str, OperationFactory] = {
    "task": _task,
    "page": _page,
    "page100": _page100,
    "search": _search,
    "overview": _overview,
    "create": _create,
    "update": _update,
    "cold": _cold,
}


OURS: Mapping[str, OperationFactory] = {
    **GRAPHQL,
    **{f"delta{size or ''}": _delta(size) for size in DELTAS},
}


def _to(path: str, **body: Any) -> OperationFactory:
    return lambda _person, _number: Operation(path, body)


def _baseline_task(user: User, number: int) -> Operation:
    return Operation("/task", {"id": user.tasks[number % len(user.tasks)]})


def _baseline_update(user: User, number: int) -> Operation:
    task = user.tasks[number % len(user.tasks)]
    return Operation("/update", {"id": task, "title": f"Updated {MARK.decode()}"})


BASELINE: Mapping[str, OperationFactory] = {
    "task": _baseline_task,
    "page": _to("/page"),
    "page100": _to("/page100"),
    "search": _to("/search", search="milk"),
    "overview": _to("/overview"),
    "create": _to("/create", title=CREATED_TITLE, description=None, priority=3),
    "update": _baseline_update,
    "cold": _to("/page"),
}

PG_SHORT = "rowId title completedAt createdAt"
PG_FULL = (
    "rowId title description completedAt priority dueOn dueAt tags createdAt updatedAt"
    " deletedAt revision"
)
PG_LIST = "condition: {deletedAt: null}, orderBy: [CREATED_AT_DESC, ROW_ID_DESC]"


def _pg_task(user: User, number: int) -> Operation:
    document = (
        "query Task($user: UUID!, $id: UUID!)"
        f" {{ taskByUserIdAndRowId(userId: $user, rowId: $id) {{ {PG_FULL} }} }}"
    )
    return graphql(document, user=user.id, id=user.tasks[number % len(user.tasks)])


def _pg_page(size: int, fields: str, alias: str = "") -> OperationFactory:
    page = f"{alias}allTasks(first: {size}, {PG_LIST}) {{ nodes {{ {fields} }} {PAGE_INFO} }}"
    return lambda _person, _number: graphql(f"query Page {{ {page} }}")


POSTGRAPHILE: Mapping[str, OperationFactory] = {
    "task": _pg_task,
    "page": _pg_page(20, PG_SHORT),
    "page100": _pg_page(100, PG_FULL),
    "cold": _pg_page(20, PG_SHORT, alias=f"p{MARK.decode()}: "),
}


def supports(operations: Mapping[str, OperationFactory], workload: Workload) -> bool:
    """Return whether these operations are enough for the workload."""
    return all(name in operations for name in (MIX if workload.mixed else (workload.name,)))


def operation_sequence(
    operations: Mapping[str, OperationFactory], workload: Workload, users: Users
) -> Iterator[tuple[User, Operation]]:
    """Yield users and operations, in the same order for every target."""
    kinds = MIX if workload.mixed else (workload.name,)
    for number, name in enumerate(islice(cycle(kinds), ROTATION)):
        writes = name in ("create", "update")
        group = users.writers if writes else users.readers
        user = group[number % len(group)]
        yield user, operations[name](user, number // len(group))


def encode_request(operation: Operation, token: str) -> bytes:
    """Encode the operation as an HTTP request."""
    body = json.dumps(operation.body, separators=(",", ":")).encode()
    head = (
        f"POST {operation.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        "Accept: application/json\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
