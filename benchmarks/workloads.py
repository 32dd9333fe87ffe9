"""What is asked: the same questions in the words of each contestant, and what to expect."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
"""How many requests are written down and sent over and over."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks, and tasks of theirs that are not in the trash."""

    id: str
    token: str
    tasks: Sequence[str]


@dataclass(frozen=True, slots=True)
class People:
    """Those who read and those who write. What is read never changes."""

    readers: Sequence[Person]
    writers: Sequence[Person]


@dataclass(frozen=True, slots=True)
class Question:
    """Where it is sent, and what."""

    path: str
    body: Json


Ask = Callable[[Person, int], Question]
"""A question of this person; the number says which one of several."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of question. `rows` finds in an answer what can be counted and compared."""

    name: str
    title: str
    rows: Callable[[Json], Sequence[str]]
    expected: int | None = None
    writes: bool = False
    mixed: bool = False


def graphql(document: str, **variables: object) -> Question:
    """A question in GraphQL."""
    return Question("/graphql", {"query": document, "variables": variables})


def task_id(data: Json) -> Sequence[str]:
    """The id of the one task in the answer."""
    (task,) = data.values()
    task = task.get("task", task)
    return [task.get("id") or task["rowId"]]


def page_ids(data: Json) -> Sequence[str]:
    """The ids of the tasks of a page. Raises when it is not a page."""
    (page,) = data.values()
    assert {"hasNextPage", "endCursor"} <= page["pageInfo"].keys()
    assert all({"title", "createdAt"} <= node.keys() for node in page["nodes"])
    return [node.get("id") or node["rowId"] for node in page["nodes"]]


def overview_numbers(data: Json) -> Sequence[str]:
    """The counts that do not depend on the moment, as text."""
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
    Workload("create", "createTask", task_id, expected=1, writes=True),
    Workload("update", "updateTask", task_id, expected=1, writes=True),
    Workload("mix", "90 % reads, 10 % writes", page_ids, mixed=True),
    Workload("cold", "a page of 20, a new document each time", page_ids, expected=20),
)

READS = ("task", "page", "task", "search", "task", "page", "task", "page100", "page")
MIX = (*READS, "create", *READS[:-1], "overview", "update")


def _task(person: Person, number: int) -> Question:
    document = f"query Task($id: ID!) {{ task(id: $id) {{ {FULL} }} }}"
    return graphql(document, id=person.tasks[number % len(person.tasks)])


def _page(_person: Person, _number: int) -> Question:
    return graphql(f"query Page {{ tasks(first: 20) {{ nodes {{ {SHORT} }} {PAGE_INFO} }} }}")


def _page100(_person: Person, _number: int) -> Question:
    return graphql(f"query Page100 {{ tasks(first: 100) {{ nodes {{ {FULL} }} {PAGE_INFO} }} }}")


def _search(_person: Person, _number: int) -> Question:
    document = (
        "query Search($filter: TaskFilter) { tasks(first: 20, filter: $filter,"
        f" orderBy: [{{field: DUE}}]) {{ nodes {{ {SHORT} dueOn dueAt }} {PAGE_INFO} }} }}"
    )
    return graphql(document, filter={"search": "milk", "completed": False})


def _overview(_person: Person, _number: int) -> Question:
    return graphql(f"query Overview {{ overview {{ {COUNTS} tags {{ tag open total }} }} }}")


def _create(_person: Person, _number: int) -> Question:
    document = (
        "mutation Create($input: CreateTaskInput!) { createTask(input: $input)"
        f" {{ revision task {{ {SHORT} priority revision }} }} }}"
    )
    return graphql(document, input={"title": CREATED_TITLE, "priority": "HIGH"})


def _update(person: Person, number: int) -> Question:
    document = (
        "mutation Update($id: ID!, $input: UpdateTaskInput!) { updateTask(id: $id, input: $input)"
        " { revision task { id title updatedAt revision } } }"
    )
    return graphql(
        document,
        id=person.tasks[number % len(person.tasks)],
        input={"title": f"Updated {MARK.decode()}"},
    )


def _cold(_person: Person, _number: int) -> Question:
    page = f"tasks(first: 20) {{ nodes {{ {SHORT} }} {PAGE_INFO} }}"
    return graphql(f"query Page {{ p{MARK.decode()}: {page} }}")


CREATED_TITLE = "Made by the benchmark"

GRAPHQL: Mapping[str, Ask] = {
    "task": _task,
    "page": _page,
    "page100": _page100,
    "search": _search,
    "overview": _overview,
    "create": _create,
    "update": _update,
    "cold": _cold,
}


def _to(path: str, **body: Any) -> Ask:
    return lambda _person, _number: Question(path, body)


def _floor_task(person: Person, number: int) -> Question:
    return Question("/task", {"id": person.tasks[number % len(person.tasks)]})


def _floor_update(person: Person, number: int) -> Question:
    task = person.tasks[number % len(person.tasks)]
    return Question("/update", {"id": task, "title": f"Updated {MARK.decode()}"})


FLOOR: Mapping[str, Ask] = {
    "task": _floor_task,
    "page": _to("/page"),
    "page100": _to("/page100"),
    "search": _to("/search", search="milk"),
    "overview": _to("/overview"),
    "create": _to("/create", title=CREATED_TITLE, description=None, priority=3),
    "update": _floor_update,
    "cold": _to("/page"),
}

PG_SHORT = "rowId title completedAt createdAt"
PG_FULL = (
    "rowId title description completedAt priority dueOn dueAt tags createdAt updatedAt"
    " deletedAt revision"
)
PG_LIST = "condition: {deletedAt: null}, orderBy: [CREATED_AT_DESC, ROW_ID_DESC]"


def _pg_task(person: Person, number: int) -> Question:
    document = (
        "query Task($user: UUID!, $id: UUID!)"
        f" {{ taskByUserIdAndRowId(userId: $user, rowId: $id) {{ {PG_FULL} }} }}"
    )
    return graphql(document, user=person.id, id=person.tasks[number % len(person.tasks)])


def _pg_page(size: int, fields: str, alias: str = "") -> Ask:
    page = f"{alias}allTasks(first: {size}, {PG_LIST}) {{ nodes {{ {fields} }} {PAGE_INFO} }}"
    return lambda _person, _number: graphql(f"query Page {{ {page} }}")


POSTGRAPHILE: Mapping[str, Ask] = {
    "task": _pg_task,
    "page": _pg_page(20, PG_SHORT),
    "page100": _pg_page(100, PG_FULL),
    "cold": _pg_page(20, PG_SHORT, alias=f"p{MARK.decode()}: "),
}


def can(words: Mapping[str, Ask], workload: Workload) -> bool:
    """Whether these words are enough for the workload."""
    return all(name in words for name in (MIX if workload.mixed else (workload.name,)))


def questions(
    words: Mapping[str, Ask], workload: Workload, people: People
) -> Iterator[tuple[Person, Question]]:
    """Who asks what, in an order that is the same for every contestant."""
    kinds = MIX if workload.mixed else (workload.name,)
    for number, name in enumerate(islice(cycle(kinds), ROTATION)):
        writes = name in ("create", "update")
        group = people.writers if writes else people.readers
        person = group[number % len(group)]
        yield person, words[name](person, number // len(group))


def http(question: Question, token: str) -> bytes:
    """The question as it goes over the wire."""
    body = json.dumps(question.body, separators=(",", ":")).encode()
    head = (
        f"POST {question.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        "Accept: application/json\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
