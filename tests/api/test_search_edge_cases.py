"""Search with unusual texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.api_client import Person
from tests.support.task_lists import LIST, STEADY, Reader
from todo_graphql.store.postgres.engine import Database

IDS = [f"abcdef00-0000-4000-8000-00000000000{number}" for number in range(4)]
TITLES = ["Buy milk", "Bread & butter", "牛奶", "Party 🎉 100% (C++) \\ 'a' \"b\" _"]
BY_RELEVANCE = [{"field": "RELEVANCE", "direction": "DESC"}]


@pytest.fixture(scope="module")
def reader(database: Database) -> Reader:
    """Return a reader with a few tasks, beside another user with similar tasks."""
    reader, other = Reader(database), Reader(database)
    reader.plant(tasks(*TITLES))
    other.plant(tasks(*(f"another's {title}" for title in TITLES)))
    return reader


def tasks(*titles: str) -> list[dict[str, str]]:
    return [{"id": task_id, "title": title} for task_id, title in zip(IDS, titles, strict=False)]


@pytest.mark.parametrize("search", [None, "", " ", "\t\n", "\u3000", "\0", "\ud800 \0"], ids=ascii)
def test_blank_search_finds_all_tasks(reader: Reader, search: str | None) -> None:
    assert reader.found(search=search) == sorted(TITLES)


UNUSUAL: dict[str, list[str]] = {
    "'": TITLES[3:],
    '"': TITLES[3:],
    "\\": TITLES[3:],
    "'a' \"b\"": TITLES[3:],
    "milk\\": TITLES[:1],
    "milk'; DROP TABLE tasks; --": [],
    "' OR true --": [],
    "milk' --": TITLES[:1],
    "milk & ! buy": TITLES[:1],
    "milk | bread": [],
    "!milk": TITLES[:1],
    "milk:*": TITLES[:1],
    "milk:A": [],
    "buy <-> milk": TITLES[:1],
    "<->": [],
    ":*": [],
    "((((": [],
    "%": TITLES[3:],
    "_%": [],
    "%s %(x)s {} $1 :tasks": [],
    "milk\0": TITLES[:1],
    "mi\0lk": [],
    "\ud800milk": TITLES[:1],
    "milk\udfff": TITLES[:1],
    "\u202emilk\u200b": TITLES[:1],
    "\u0301": [],
    "\ufeff": [],
    "\u00a8": [],  # folds to a space
    "\u203e": [],
    "a" * 10_000: [],
    "牛" * 10_000: [],
    "\u0301" * 10_000: [],
    "\ufdfa" * 9_000: [],  # eighteen letters each, when taken apart
    "milk buy " * 1_500: TITLES[:1],
    " ".join(f"word{number}" for number in range(5_000)): [],
    "🎉" * 10_000: [],
    "'" * 10_000: [],
    "\\" * 10_000: [],
    "-".join("ab" * 3_000): TITLES[3:],
}


@pytest.mark.parametrize("search", UNUSUAL, ids=lambda search: ascii(search)[:30])
def test_unusual_search_is_accepted(reader: Reader, search: str) -> None:
    assert reader.found(search=search) == UNUSUAL[search]
    page = reader.page(filter={"search": search}, orderBy=BY_RELEVANCE, last=1)
    assert page["totalCount"] == len(UNUSUAL[search])


@pytest.mark.parametrize("search", ["milk'\\", "\0milk", "\ud800 milk"], ids=ascii)
def test_unusual_search_is_accepted_over_http(alice: Person, search: str) -> None:
    alice.create("Buy milk")
    assert alice.ask(LIST, filter={"search": search})["tasks"]["totalCount"] == 1


@STEADY
@given(
    st.text(st.characters(exclude_categories=()), max_size=60)
    | st.text("mil kbread&|!():*<->'\"\\%_牛奶é\0🎉", max_size=30)
)
def test_any_search_text_is_accepted(reader: Reader, search: str) -> None:
    assert set(reader.found(search=search)) <= set(TITLES)
    assert reader.found(search=search, completed=True) == []


@STEADY
@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40))
def test_search_for_a_title_finds_it(database: Database, title: str) -> None:
    reader = Reader(database)
    reader.plant(tasks(title))
    assert reader.found(search=title) == [title]


def test_search_uses_the_first_32_words(database: Database) -> None:
    words = [f"w{number}x" for number in range(32)]
    reader = Reader(database)
    reader.plant(tasks(" ".join(words)))
    assert len(reader.found(search=" ".join([*words, *words, "nowhere"]))) == 1
    assert reader.found(search=" ".join([*words[:31], *words[:31], "nowhere"])) == []


def test_search_beyond_its_greatest_length_is_ignored(reader: Reader) -> None:
    assert reader.found(search="milk" + " " * 10_000 + "nowhere") == TITLES[:1]
    assert reader.found(search="milk" + " " * 9_000 + "nowhere") == []
