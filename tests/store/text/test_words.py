"""Words of texts in many scripts."""

import unicodedata

import pytest
from hypothesis import given

from tests.support.texts import CHARACTERS, FORMS, SAME_EXAMPLES, texts
from todo_graphql.store.text.words import (
    MAYBE_SINGLE,
    SINGLES,
    WORD_MAX_LENGTH,
    words_of,
)

WORDS: list[tuple[str, str]] = [
    ("", ""),
    ("  \t- _ & ++ (…) «»", ""),
    ("Buy oat-milk, 2 l!", "buy oat milk 2 l"),
    ("snake_case v2.10 me@example.com", "snake case v2 10 me example com"),
    ("don't l’école", "don t l ecole"),
    ("Wochen\u00adende\u200b", "wochenende"),
    ("hé\u0301llo", "hello"),
    ("हिन्दी में दूध", "हिन्दी में दूध"),
    ("বাংলা ভাষা", "বাংলা ভাষা"),
    ("தமிழ் மொழி", "தமிழ் மொழி"),
    ("ދިވެހި ބަސް", "ދިވެހި ބަސް"),
    ("አማርኛ ቋንቋ፡ቃል", "አማርኛ ቋንቋ ቃል"),
    ("བོད་ཡིག", "བོད ཡིག"),
    ("שלום־עולם", "שלום עולם"),
    ("محـمد، كتاب", "محمد كتاب"),
    ("우유를 사다", "우유를 사다"),
    ("买牛奶", "买 牛 奶"),
    ("𠮷野家で", "𠮷 野 家 で"),
    ("パーティー", "パ ー テ ィ ー"),
    ("佐々木〇", "佐 々 木 〇"),
    ("iPhone手机15个", "iphone 手 机 15 个"),
    ("นม", "น ม"),
    ("ນົມ", "ນ ົ ມ"),
    ("Party🎉🍰now", "party 🎉 🍰 now"),
    ("❤️ ★ → 👍🏽", "❤ ★ 👍"),
    ("👨\u200d👩\u200d👧 🇩🇪 1️⃣", "👨 👩 👧 🇩 🇪 1"),
    ("20 °C, Foo® ™", "20 c foo tm"),
    ("5€ 100% §7", "5 100 7"),
    ("½ x² Ⅳ", "1 2 x2 iv"),
    ("१२३ ፲፪", "123 ፲፪"),
]


@pytest.mark.parametrize(("text", "words"), WORDS, ids=ascii)
def test_text_has_words(text: str, words: str) -> None:
    for form in FORMS:
        assert words_of(unicodedata.normalize(form, text)) == words.split()


def test_long_words_are_cut() -> None:
    for letter in ("a", "я", "क्", "\U00010400"):
        (word,) = words_of(letter * 5_000)
        assert len(word) == WORD_MAX_LENGTH
    assert len(words_of("牛" * 5_000)) == 5_000


@SAME_EXAMPLES
@given(texts())
def test_words_contain_no_syntax_of_literals(text: str) -> None:
    for word in words_of(text):
        assert word
        assert not set("'\\:,&|!<>()* \t\n\0") & set(word)


def test_quick_pattern_covers_all_single_characters() -> None:
    singles = [one for one in CHARACTERS if SINGLES.match(one)]
    assert len(singles) > 95_000
    assert [one for one in singles if not MAYBE_SINGLE.match(one)] == []
