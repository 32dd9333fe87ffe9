"""Search by prefixes of words, in any script."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.task_lists import Reader
from todo_graphql.store.postgres.engine import Database

HEAD = "abcdef00-0000-4000-8000-0000000000"
TASKS: tuple[Mapping[str, Any], ...] = (
    {"title": "Buy oat milk", "description": "two litres", "tags": ["Groceries", "week-end"]},
    {"title": "Bread & butter", "description": "MILK, too", "tags": ["groceries"]},
    {"title": "Straßenbahn-Karten für Köln", "tags": ["Élan"]},
    {"title": "Déjeuner à l'école"},
    {"title": "Γάλα και ψωμί"},
    {"title": "Купить Ёлку и чай"},
    {"title": "לקנות חלב"},
    {"title": "شراء الحليب"},
    {"title": "दूध खरीदना"},
    {"title": "ซื้อนมสด"},
    {"title": "买牛奶和面包"},
    {"title": "牛乳とパンを買う"},
    {"title": "우유를 사다"},
    {"title": "İstanbul'a bilet"},
    {"title": "Call +49 30 1234", "description": "version 2.10, e-mail: me@example.com"},
    {"title": "Party 🎉", "description": "100% 🍰 (C++) _under_"},
)


@pytest.fixture(scope="module")
def reader(database: Database) -> Reader:
    reader = Reader(database)
    reader.plant([{**task, "id": f"{HEAD}{number:02}"} for number, task in enumerate(TASKS)])
    return reader


MILK, BREAD, TRAM, SCHOOL = (task["title"] for task in TASKS[:4])
GREEK, RUSSIAN, HEBREW, ARABIC, HINDI, THAI = (task["title"] for task in TASKS[4:10])
CHINESE, JAPANESE, KOREAN, TURKISH, NUMBERS, PARTY = (task["title"] for task in TASKS[10:])

FOUND: list[tuple[str, list[str]]] = [
    ("milk", [MILK, BREAD]),
    ("MILK", [MILK, BREAD]),
    ("mi", [MILK, BREAD]),
    ("ilk", []),
    ("milky", []),
    ("milk oat", [MILK]),
    ("oat, litres! groceries?", [MILK]),
    ("milk bread", [BREAD]),
    ("milk nowhere", []),
    ("milk milk milk", [MILK, BREAD]),
    ("groc", [MILK, BREAD]),
    ("week-end", [MILK]),
    ("end", [MILK]),
    ("elan", [TRAM]),
    ("strassenbahn", [TRAM]),
    ("straßen", [TRAM]),
    ("STRAßEN koln", [TRAM]),
    ("fu\u0308r Ko\u0308ln", [TRAM]),
    ("karten", [TRAM]),
    ("dejeuner ECOLE", [SCHOOL]),
    ("déjeuner école", [SCHOOL]),
    ("de\u0301jeuner", [SCHOOL]),
    ("γαλα", [GREEK]),
    ("ΓΆΛΑ ψωμι", [GREEK]),
    ("елку", [RUSSIAN]),
    ("ёлку ЧАИ", [RUSSIAN]),
    ("чаи\u0306", [RUSSIAN]),
    ("חלב", [HEBREW]),
    ("חל", [HEBREW]),
    ("الحليب", [ARABIC]),
    ("दूध", [HINDI]),
    ("खरी", [HINDI]),
    ("นม", [THAI]),
    ("นมสด", [THAI]),
    ("牛", [CHINESE, JAPANESE]),
    ("牛奶", [CHINESE]),
    ("面包", [CHINESE]),
    ("奶牛", []),
    ("牛面", []),
    ("面包 牛奶", [CHINESE]),
    ("パン", [JAPANESE]),
    ("ﾊﾟﾝ", [JAPANESE]),
    ("買う", [JAPANESE]),
    ("우유", [KOREAN]),
    ("우유를", [KOREAN]),
    ("\u110b\u116e\u110b\u1172", [KOREAN]),
    ("istanbul", [TURKISH]),
    ("\uff11\uff12\uff13\uff14", [NUMBERS]),
    ("+49", [NUMBERS]),
    ("me@example", [NUMBERS]),
    ("2.1", [NUMBERS]),
    ("🎉", [PARTY]),
    ("🍰", [PARTY]),
    ("party 🎉", [PARTY]),
    ("🎂", []),
    ("&", [BREAD]),
    ("++", [PARTY]),
    ("%", [PARTY]),
    ("(", [PARTY]),
    ("!!!", []),
    ("_", [PARTY]),
    ("\\", []),
]


@pytest.mark.parametrize(("search", "titles"), FOUND, ids=lambda value: ascii(value)[:40])
def test_search_finds_matching_tasks(reader: Reader, search: str, titles: list[str]) -> None:
    assert reader.found(search=search) == sorted(titles)


UPDATE = """
mutation ($id: ID!, $input: UpdateTaskInput!) {
  updateTask(id: $id, input: $input) { task { tags } }
}
"""
SEARCH = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount nodes { id } } }"


def finds(who: Person, search: str, **conditions: Any) -> list[str]:
    answer = who.ask(SEARCH, filter={"search": search, **conditions})["tasks"]
    assert answer["totalCount"] == len(answer["nodes"])
    return [node["id"] for node in answer["nodes"]]


@pytest.mark.parametrize(
    "edit",
    [
        {"title": "walk the dog"},
        {"description": "the dog"},
        {"tags": ["dog"]},
        {"addTags": ["Dog"]},
    ],
    ids=str,
)
def test_search_reflects_updates(alice: Person, edit: dict[str, Any]) -> None:
    task_id = alice.create("feed the cat", tags=["pets"])["id"]
    assert (finds(alice, "dog"), finds(alice, "pets cat")) == ([], [task_id])
    alice.ask(UPDATE, id=task_id, input=edit)
    assert finds(alice, "dog") == [task_id]
    alice.ask(UPDATE, id=task_id, input={"title": "rest", "description": None, "tags": None})
    assert finds(alice, "dog") == finds(alice, "pets") == finds(alice, "cat") == []
    assert finds(alice, "rest") == [task_id]


def test_search_reflects_removed_tags(alice: Person) -> None:
    task_id = alice.create("feed the cat", tags=["pets", "home"])["id"]
    alice.ask(UPDATE, id=task_id, input={"removeTags": ["PETS"]})
    assert (finds(alice, "pets"), finds(alice, "home")) == ([], [task_id])


def test_search_combines_with_other_conditions(alice: Person) -> None:
    open_, done, trashed = (alice.create(f"task {name}")["id"] for name in ("a", "b", "c"))
    alice.change("completeTask", done)
    alice.change("deleteTask", trashed)
    assert finds(alice, "task") == [done, open_]
    assert finds(alice, "task", completed=True) == [done]
    assert finds(alice, "task", **{"not": {"completed": True}}) == [open_]
    assert finds(alice, "task", trashed=True) == [trashed]
    assert finds(alice, "b", trashed=True) == []
    assert finds(alice, "b", title={"eq": "task a"}) == []


def test_search_finds_only_own_tasks(alice: Person, mallory: Person) -> None:
    alice.create("a secret plan", description="🎉", tags=["secret"])
    for search in ("secret", "plan", "🎉", "a"):
        assert finds(mallory, search) == []


def test_relevance_ranks_title_above_tags_above_description(
    database: Database,
) -> None:
    reader = Reader(database)
    places: tuple[dict[str, Any], ...] = (
        {"description": "milk"},
        {"title": "milk"},
        {"tags": ["milk"]},
    )
    reader.plant(
        [{"title": "x", "id": f"{HEAD}{number:02}", **place} for number, place in enumerate(places)]
    )
    for direction, order in (("DESC", (1, 2, 0)), ("ASC", (0, 2, 1))):
        keys = [{"field": "RELEVANCE", "direction": direction}]
        page = reader.page(filter={"search": "mil"}, orderBy=keys)
        found = [edge["node"]["id"] for edge in page["edges"]]
        assert found == [f"{HEAD}{number:02}" for number in order]
