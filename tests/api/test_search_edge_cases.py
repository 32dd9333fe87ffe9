"""Whatever is searched for: it is no error, and it finds nothing of anybody else."""

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
    """Somebody with a few tasks, who is not the only one with such."""
    somebody, other = Reader(database), Reader(database)
    somebody.plant(tasks(*TITLES))
    other.plant(tasks(*(f"another's {title}" for title in TITLES)))
    return somebody


def tasks(*titles: str) -> list[dict[str, str]]:
    return [{"id": task_id, "title": title} for task_id, title in zip(IDS, titles, strict=False)]


@pytest.mark.parametrize("search", [None, "", " ", "\t\n", "\u3000", "\0", "\ud800 \0"], ids=ascii)
def test_a_blank_search_finds_all(reader: Reader, search: str | None) -> None:
    assert reader.found(search=search) == sorted(TITLES)


ODD: dict[str, list[str]] = {
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


@pytest.mark.parametrize("search", ODD, ids=lambda search: ascii(search)[:30])
def test_an_odd_search(reader: Reader, search: str) -> None:
    assert reader.found(search=search) == ODD[search]
    page = reader.page(filter={"search": search}, orderBy=BY_RELEVANCE, last=1)
    assert page["totalCount"] == len(ODD[search])


@pytest.mark.parametrize("search", ["milk'\\", "\0milk", "\ud800 milk"], ids=ascii)
def test_an_odd_search_over_http(alice: Person, search: str) -> None:
    alice.create("Buy milk")
    assert alice.ask(LIST, filter={"search": search})["tasks"]["totalCount"] == 1


@STEADY
@given(
    st.text(st.characters(exclude_categories=()), max_size=60)
    | st.text("mil kbread&|!():*<->'\"\\%_牛奶é\0🎉", max_size=30)
)
def test_any_text_can_be_searched_for(reader: Reader, search: str) -> None:
    assert set(reader.found(search=search)) <= set(TITLES)
    assert reader.found(search=search, completed=True) == []


@STEADY
@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40))
def test_a_title_is_found_by_itself(database: Database, title: str) -> None:
    somebody = Reader(database)
    somebody.plant(tasks(title))
    assert somebody.found(search=title) == [title]


def test_the_first_32_words_count(database: Database) -> None:
    words = [f"w{number}x" for number in range(32)]
    somebody = Reader(database)
    somebody.plant(tasks(" ".join(words)))
    assert len(somebody.found(search=" ".join([*words, *words, "nowhere"]))) == 1
    assert somebody.found(search=" ".join([*words[:31], *words[:31], "nowhere"])) == []


def test_search_beyond_its_greatest_length_is_ignored(reader: Reader) -> None:
    assert reader.found(search="milk" + " " * 10_000 + "nowhere") == TITLES[:1]
    assert reader.found(search="milk" + " " * 9_000 + "nowhere") == []
