"""A reference model of filters in plain Python, and sample tasks for it."""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.support.task_lists import Task
from todo_graphql.store.text.folding import fold

PRIORITIES = ("NONE", "LOW", "MEDIUM", "HIGH", "URGENT")
LONG_AGO, NOON, LATER = "2020-01-01T00:00:00Z", "2020-06-15T12:00:00.5Z", "2099-12-31T23:00:00Z"


def some_id(number: int) -> str:
    return f"abcdef00-0000-4000-8000-00000000000{number}"


WORLD: tuple[Task, ...] = (
    {"title": "Buy milk", "priority": 2, "due_on": "2020-06-15", "tags": ["Home", "shop"]},
    {"title": "buy bread", "description": "100% rye", "priority": 4, "due_at": NOON},
    {"title": "Ärger", "description": "", "due_at": LATER, "tags": ["ÄMTER"]},
    {"title": "arger", "description": "a_b", "completed_at": NOON, "tags": ["home"]},
    {"title": "100% sure", "description": "Buy a\\b", "completed_at": LONG_AGO, "priority": 1},
    {"title": "a_b", "due_on": "2099-12-31", "priority": 4, "tags": ["shop", "Work", "50%"]},
    {"title": "axb", "due_on": "0001-01-01", "completed_at": LATER, "priority": 3},
    {"title": "後で", "due_on": "9999-12-31", "description": "Straße"},
)
WORLD = tuple(
    {
        "priority": 0,
        "tags": [],
        "created_at": (LONG_AGO, NOON, LATER)[number % 3],
        "updated_at": (NOON, LATER)[number % 2],
        **task,
        "id": some_id(number),
    }
    for number, task in enumerate(WORLD)
)

TEXTS = (
    "buy",
    "Buy milk",
    "ÄRGER",
    "ä",
    "a",
    "%",
    "_",
    "a_b",
    "\\",
    "",
    "straße",
    "後",
    "100% rye",
)
DAYS = ("0001-01-01", "2020-06-14", "2020-06-15", "2099-12-31", "9999-12-31")
EARLIEST, LATEST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
MOMENTS = (EARLIEST, LONG_AGO, "2020-06-15T14:00:00.5+02:00", NOON, LATER, LATEST)
ZONES = ("UTC", "Europe/Berlin", "Pacific/Kiritimati", "Etc/GMT+12", "America/Sao_Paulo")

EQUAL, AMONG, COMPARED = ("eq", "neq"), ("in", "nin"), ("lt", "lte", "gt", "gte")
INSTANT = (MOMENTS, (*COMPARED, "null"))
# The values and the operators for each field.
COMPARATORS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "id": ((some_id(0).upper(), some_id(3), some_id(9)), (*EQUAL, *AMONG)),
    "title": (TEXTS, (*EQUAL, "contains", "startsWith")),
    "description": (TEXTS, (*EQUAL, "contains", "startsWith", "null")),
    "priority": (PRIORITIES, (*EQUAL, *AMONG, *COMPARED)),
    "dueOn": (DAYS, (*EQUAL, *AMONG, *COMPARED, "null")),
    "dueAt": INSTANT,
    "completedAt": INSTANT,
    "createdAt": INSTANT,
    "updatedAt": INSTANT,
    "deletedAt": INSTANT,
    "tags": (("HOME", "shop", "ämter", "50%", "nowhere"), ("any", "all", "none", "empty")),
}
FLAGS = ("null", "empty")
LISTS = (*AMONG, "any", "all", "none")


def tags_of(values: list[str]) -> set[str]:
    return set(map(fold, values))


OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda have, value: bool(have == value),
    "neq": lambda have, value: bool(have != value),
    "in": lambda have, values: have in values,
    "nin": lambda have, values: have not in values,
    "lt": lambda have, value: have is not None and have < value,
    "lte": lambda have, value: have is not None and have <= value,
    "gt": lambda have, value: have is not None and have > value,
    "gte": lambda have, value: have is not None and have >= value,
    "null": lambda have, wanted: (have is None) is wanted,
    "contains": lambda have, value: have is not None and fold(value) in fold(have),
    "startsWith": lambda have, value: have is not None and fold(have).startswith(fold(value)),
    "any": lambda have, values: bool(tags_of(have) & tags_of(values)),
    "all": lambda have, values: tags_of(have) >= tags_of(values),
    "empty": lambda have, wanted: (have == []) is wanted,
    "none": lambda have, values: not tags_of(have) & tags_of(values),
}


def holds(condition: Mapping[str, Any], task: Task) -> bool:
    """Return whether the task matches the filter."""
    given = {name: value for name, value in condition.items() if value is not None}
    return all(_holds(name, value, task) for name, value in given.items())


def _holds(name: str, given: Any, task: Task) -> bool:
    match name:
        case "and":
            return all(holds(one, task) for one in given)
        case "or":
            return any(holds(one, task) for one in given)
        case "not":
            return not holds(given, task)
        case "completed":
            return (task.get("completed_at") is not None) is bool(given)
        case "due":
            return _due(given, task)
    have = _read(name, task.get(snake(name)))
    return all(
        OPERATORS[operator](have, value if operator in FLAGS else _read(name, value))
        for operator, value in given.items()
    )


def _due(given: Mapping[str, Any], task: Task) -> bool:
    zone = ZoneInfo(given.get("timeZone", "UTC"))
    due = due_in(zone, task)
    means: Mapping[str, Callable[[Any], bool]] = {
        "timeZone": lambda _: True,
        "null": lambda wanted: (due is None) is wanted,
        "before": lambda moment: due is not None and due < since_the_first_day(moment),
        "after": lambda moment: due is not None and due > since_the_first_day(moment),
        "from": lambda day: due is not None and day_in(zone, task) >= day,
        "to": lambda day: due is not None and day_in(zone, task) <= day,
    }
    return all(means[name](value) for name, value in given.items())


def due_in(zone: ZoneInfo, task: Task) -> float | None:
    """Return the due instant in seconds since the first day. A date is due at its midnight."""
    if task.get("due_on") is not None:
        midnight = datetime.combine(date.fromisoformat(task["due_on"]), time(), zone)
        return (midnight - FIRST).total_seconds()
    return None if task.get("due_at") is None else since_the_first_day(task["due_at"])


def day_in(zone: ZoneInfo, task: Task) -> str:
    """Return the day on which the task is due, of instants in the time zone."""
    if task.get("due_on") is not None:
        return str(task["due_on"])
    instant = datetime.fromisoformat(task["due_at"])
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return (instant.astimezone(UTC).replace(tzinfo=None) + offset).date().isoformat()


# Seconds instead of datetimes: a day may begin before the first instant of UTC.
FIRST = datetime(1, 1, 1, tzinfo=UTC)


def since_the_first_day(moment: str) -> float:
    return (datetime.fromisoformat(moment) - FIRST).total_seconds()


def _read(name: str, value: Any) -> Any:
    """Return the value in a type that Python compares as the API does."""
    if isinstance(value, list):
        return [_read(name, one) for one in value]
    if not isinstance(value, str):
        return value
    return READ.get(name, str)(value)


READ: Mapping[str, Callable[[str], Any]] = {
    "id": uuid.UUID,
    "priority": PRIORITIES.index,
    "dueOn": date.fromisoformat,
    **dict.fromkeys(
        ("dueAt", "completedAt", "createdAt", "updatedAt", "deletedAt"), datetime.fromisoformat
    ),
}


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def comparator(name: str) -> st.SearchStrategy[Any]:
    """Return a strategy for comparators of this field."""
    values, operators = COMPARATORS[name]
    one = st.sampled_from(values)
    several = st.lists(one, max_size=3)
    kinds = {
        operator: st.booleans() if operator in FLAGS else several if operator in LISTS else one
        for operator in operators
    }
    return st.fixed_dictionaries({}, optional=kinds).map(
        lambda given: dict(sorted(given.items())[:2])
    )


def has_range(due: dict[str, Any]) -> bool:
    """Return whether the range of a comparator is valid."""
    return bool(due.get("from", "") <= due.get("to", "9"))


due_comparators: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"timeZone": st.sampled_from(ZONES)},
    optional={
        "before": st.sampled_from(MOMENTS),
        "after": st.sampled_from(MOMENTS),
        "null": st.booleans(),
        "from": st.sampled_from(DAYS),
        "to": st.sampled_from(DAYS),
    },
).filter(has_range)
leaves = st.one_of(
    *(st.fixed_dictionaries({name: comparator(name) | st.none()}) for name in COMPARATORS),
    st.fixed_dictionaries({"due": due_comparators}),
    st.fixed_dictionaries({"completed": st.booleans() | st.none()}),
    st.just({}),
)
# Conditions are nested at most four deep, which leaves room for one level more.
conditions: st.SearchStrategy[dict[str, Any]] = leaves
for _ in range(4):
    conditions = st.one_of(
        leaves,
        st.fixed_dictionaries({"and": st.lists(conditions, max_size=2)}),
        st.fixed_dictionaries({"or": st.lists(conditions, max_size=2)}),
        st.fixed_dictionaries({"not": conditions}),
        st.tuples(leaves, conditions).map(lambda both: {**both[0], **both[1]}),
    )
