"""Search: PostgreSQL accepts all literals, and matches as a model in Python says."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.task_lists import Reader
from tests.support.texts import FORMS, SAME_EXAMPLES, texts
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.text.search import (
    Search,
    description_words,
    tag_words,
    title_words,
)
from todo_graphql.store.text.words import words_of

Matches = Callable[[str, str], bool]


@pytest.fixture(scope="module")
def matches(database: Database) -> Matches:
    """Return a function that matches a vector with a query in PostgreSQL."""
    reader = Reader(database)
    statement = "SELECT CAST(:vector AS tsvector) @@ CAST(:query AS tsquery)"

    def match(vector: str, query: str) -> bool:
        ((found,),) = reader.select(statement, vector=vector, query=query)
        return bool(found)

    return match


FOUND: list[tuple[str, str]] = [
    # text, search
    ("Buy oat milk", "MILK buy"),
    ("Buy oat milk", "o mi"),
    ("ΑΓΟΡΑ ΓΑΛΑΤΟΣ", "γαλατος"),
    ("Купить молоко", "МОЛОКО"),
    ("Wochen\u00adende", "wochenende"),
    ("Wochenende", "wochen\u200bende"),
    ("мʼяч", "м'яч"),
    ("м'яч", "м’яч"),
    ("п’ять яблук", "пʼят"),
    ("Déjeuner à l'école", "ecole"),
    ("Déjeuner à l'école", "l’éco"),
    ("col·lecció", "col·lec"),
    ("צה״ל", 'צה"ל'),
    ("हिन्दी सीखना", "हिन्दी"),
    ("हिन्दी सीखना", "हिन्"),
    ("বাংলা ভাষা", "বাংলা"),
    ("❤️ you", "❤"),
    ("I ❤ you", "❤️"),
    ("Party 🎉🍰", "party🎉"),
    ("👍🏽", "👍"),
    ("🇩🇪 trip", "🇩🇪"),
    ("محـــمد", "محمد"),
    ("قُرْآن", "قران"),
    ("买牛奶和面包", "面包 牛奶"),
    ("ซื้อนมสด", "นมสด"),
    ("パーティー", "ﾊﾟｰﾃｨｰ"),
    ("٢٠ كتاب", "20"),
    ("a" * 500, "a" * 500),
    ("Straße", "strass"),
]
NOT_FOUND: list[tuple[str, str]] = [
    ("Buy oat milk", "ilk"),
    ("Buy oat milk", "milk nowhere"),
    ("हिना दीपक से मिलना", "हिन्दी"),
    ("हिनदी", "हिन्दी"),
    ("м яч", "яч'м"),
    ("м два яч", "м'яч"),
    ("买牛奶", "奶牛"),
    ("🇪🇩", "🇩🇪"),
    ("🎉 🍩", "🎉🍰"),
    ("кала", "қала"),
    ("ニ", "二"),
]


def search_vector(title: str, tags: Sequence[str], description: str | None) -> str:
    """Return the search words of a task."""
    parts = title_words(title), tag_words(tags), description_words(description or "")
    return " ".join(filter(None, parts))


@pytest.mark.parametrize(("text", "search"), FOUND, ids=ascii)
def test_search_finds_text(matches: Matches, text: str, search: str) -> None:
    query = Search(search).query()
    assert matches(search_vector(text, (), None), query)
    assert matches(search_vector("x", (text,), None), query)
    assert matches(search_vector("x", ("y", "z"), text), query)


@pytest.mark.parametrize(("text", "search"), NOT_FOUND, ids=ascii)
def test_search_does_not_find_text(matches: Matches, text: str, search: str) -> None:
    assert not matches(search_vector(text, (text,), text), Search(search).query())


def test_vector_has_weights_and_positions() -> None:
    assert search_vector("Buy milk, l'eau", ("Home", "牛奶"), "milk and MILK") == (
        "'buy':1A 'milk':2A 'l':3A 'eau':4A 'home':257B '牛':259B '奶':260B"
        " 'milk':1536C,1538C 'and':1537C"
    )
    assert search_vector("!", (), None) == ""


def test_longest_title_and_tags_stay_in_their_positions() -> None:
    """Only ligatures have more words than positions."""
    places = re.compile("[0-9]+(?=[AB])")
    title = [*map(int, places.findall(title_words("牛" * 200 + "\ufdfa" * 100)))]
    tags = [*map(int, places.findall(tag_words(["\ufdfa" * 25 + "牛" * 25] * 20)))]
    assert max(title) < min(tags) == 257
    assert max(tags) < 1_536


def test_query_has_prefixes_and_phrases() -> None:
    query = "'buy':* & 'l' <-> 'ea':* & '牛' <-> '奶':* & 'x':*"
    assert Search("Buy, l'ea 牛奶 x 'buy' X").query() == query
    assert Search(" !?'·' ").query() == ""


def test_no_phrase_spans_two_texts(matches: Matches) -> None:
    vector = search_vector("牛", ("奶", "面"), "包")
    assert matches(vector, Search("牛 奶 面 包").query())
    for phrase in ("牛奶", "奶面", "面包"):
        assert not matches(vector, Search(phrase).query())


def test_query_has_the_first_32_words() -> None:
    words = [f"w{number}x" for number in range(40)]
    query = Search(" ".join([*words[:20], *words])).query()
    assert query == " & ".join(f"'{word}':*" for word in words[:32])


def test_query_has_the_first_64_characters_of_a_word() -> None:
    assert Search("a" * 100).query() == f"'{'a' * 64}':*"
    assert Search("牛" * 100).query().count("牛") == 64
    assert Search("b'" * 50).query().count("'b'") == 32


def test_query_has_the_first_10_000_characters() -> None:
    assert Search("milk" + " " * 9_995 + "x" + "y").query() == "'milk':* & 'x':*"


LONG = {
    "letters": "a" * 10_000,
    "supplementary letters": "\U00010400" * 10_000,
    "words": " ".join(f"{number:x}" for number in range(2_300)),
    "ideographs": "".join(map(chr, range(0x4E00, 0x4E00 + 10_000))),
    "one ideograph": "牛" * 10_000,
    "emoji": "🎉" * 10_000,
    "ligatures": "\ufdfa" * 10_000,
    "apostrophes": "a'" * 5_000,
    "marks": "\u093c\u094d" * 5_000,
    "quotes": "'\\" * 5_000,
    "mixed": "a牛" * 5_000,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_longest_texts_are_accepted(matches: Matches, text: str) -> None:
    tags = [f"{number:02}{text[:48]}" for number in range(20)]
    vector = search_vector(text[:200], tags, text)
    assert len(vector.encode()) < 2**20
    query = Search(text).query()
    assert matches(vector, query) == bool(query)


def model(fields: Sequence[str], search: str) -> bool:
    """Return whether each word of the search begins a word of a field, for ASCII."""
    return all(
        any(word.startswith(wanted) for field in fields for word in words_of(field))
        for wanted in words_of(search)
    )


plain = st.text('abAB12 -&|!():*<>\\"%_,.\t', max_size=12)


@SAME_EXAMPLES
@given(plain, st.lists(plain, max_size=3), st.none() | plain, plain)
def test_match_is_that_of_the_model(
    matches: Matches, title: str, tags: list[str], description: str | None, search: str
) -> None:
    query = Search(search).query()
    expected = bool(query) and model([title, *tags, description or ""], search)
    assert matches(search_vector(title, tags, description), query) == expected


@SAME_EXAMPLES
@given(texts(), st.lists(texts(8), max_size=3), texts(), st.sampled_from(FORMS), st.data())
def test_search_for_a_part_finds_the_task(
    matches: Matches,
    title: str,
    tags: list[str],
    description: str,
    form: Literal["NFC", "NFD", "NFKC", "NFKD"],
    data: st.DataObject,
) -> None:
    vector = search_vector(title, tags, description)
    text = data.draw(st.sampled_from([title, *tags, description]))
    words = words_of(text)
    searches = [text, text.lower(), unicodedata.normalize(form, text)]
    if words:
        word = data.draw(st.sampled_from(words))
        searches += [word, word[: data.draw(st.integers(1, len(word)))], word.upper()]
    for search in searches:
        query = Search(search).query()
        assert matches(vector, query) == bool(query)


@SAME_EXAMPLES
@given(texts(), texts())
def test_phrases_of_any_characters_match_as_adjacent_words(
    matches: Matches, title: str, search: str
) -> None:
    have, query = words_of(title), Search(search).query()
    phrases = [[part.strip("':*") for part in one.split(" <-> ")] for one in query.split(" & ")]
    expected = bool(query) and all(
        any(
            have[place : place + len(phrase) - 1] == phrase[:-1]
            and have[place + len(phrase) - 1].startswith(phrase[-1])
            for place in range(len(have) - len(phrase) + 1)
        )
        for phrase in phrases
    )
    assert matches(search_vector(title, (), None), query) == expected
