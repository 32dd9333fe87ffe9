"""Order keys: byte by byte, texts sort as a reader expects."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.texts import CHARACTERS, FORMS, SAME_EXAMPLES, texts
from todo_graphql.store.text.folding import fold
from todo_graphql.store.text.order import KEY_MAX_BYTES, order_key

ORDERED: dict[str, list[str]] = {
    "numbers": ["Lesson", "Lesson 1", "lesson 2", "Lesson 10", "lesson 10b", "Lesson 100"],
    "kinds": ["", "!", "(a)", "— c", "…", "«b»", "🎉", "0", "9", "10", "a", "z", "ω", "я", "あ"],
    "spaces": ["a", "a a", "a'a", "a-a", "a1", "aa"],
    "accents": ["Apfel", "Ärger", "arm", "Zebra"],
    "dates": ["2024-01-05", "2024-1-6", "2024-01-12", "2024-10-01", "2025-01-01"],
    "versions": ["v1.2.9", "v1.2.10", "v1.10.1"],
    "leading zeros": ["7", "07", "007", "7a", "8", "08"],
    "long numbers": ["9" * 8, "1" + "0" * 8, "9" * 99, "1" + "0" * 99, "1" + "0" * 100],
    "digits of scripts": ["1", "٢", "३", "４", "๕", "1٠"],
    "Greek": ["Αθήνα", "βιβλίο", "Γάλα", "ΟΔΟΣ", "οδούς", "ωδή"],
    "Ukrainian": ["гараж", "ґанок", "дім", "ехо", "єнот", "жук", "ібіс", "кіт", "яблуко"],
    "numbers after late letters": ["г", "ґ", "ґ 3", "ґ1", "ґ2", "ґ10", "і2", "і10", "ј1", "ј10"],
    "Serbian": ["дан", "ђак", "ера", "лав", "љубав", "нос", "њива", "тата", "ћуп", "чај", "џак"],
    "Kazakh": [
        "ас",
        "әке",
        "бас",
        "гүл",
        "ғалам",
        "кітап",
        "қала",
        "нан",
        "ңа",
        "орман",
        "өмір",
        "ұя",
        "үй",
    ],
    "Persian": ["آب", "باران", "پدر", "تاب", "جان", "چای", "زمین", "ژاله", "کتاب", "گل", "هوا"],
}


@pytest.mark.parametrize("expected", ORDERED.values(), ids=ORDERED.keys())
def test_keys_sort_as_a_reader_expects(expected: list[str]) -> None:
    assert sorted({*expected}, key=key_bytes) == expected
    assert len(set(map(order_key, expected))) == len(expected)


def key_bytes(text: str) -> bytes:
    return order_key(text).encode()


@SAME_EXAMPLES
@given(st.lists(st.integers(0, 10**40) | st.integers(0, 120), max_size=8))
def test_numbers_sort_by_value(numbers: list[int]) -> None:
    for before, after in (("", ""), ("Lesson ", ""), ("a", "b"), ("第", "課"), ("", " 5")):
        titles = [f"{before}{number}{after}" for number in numbers]
        assert sorted(titles, key=key_bytes) == [f"{before}{n}{after}" for n in sorted(numbers)]


def test_digits_of_all_scripts_sort_as_numbers() -> None:
    zeros = [ord(one) for one in CHARACTERS if unicodedata.decimal(one, None) == 0]
    assert len(zeros) > 60
    for zero in zeros:
        nine, ten = chr(zero + 9), chr(zero + 1) + chr(zero)
        assert order_key(f"n {nine}") < order_key(f"n {ten}") < order_key(f"n {nine}{nine}")
        assert order_key(ten) == order_key("10")


@SAME_EXAMPLES
@given(texts(), texts())
def test_texts_with_one_folded_text_have_one_key(one: str, other: str) -> None:
    for form in FORMS:
        assert order_key(unicodedata.normalize(form, f" {one} ")) == order_key(one)
    if fold(one).strip() != fold(other).strip():
        assert order_key(one) != order_key(other)


@SAME_EXAMPLES
@given(texts(), texts())
def test_shorter_text_is_first(one: str, other: str) -> None:
    assert order_key(one + " ") <= order_key(f"{one} {other}")


@pytest.mark.parametrize(
    "title",
    ["a" * 200, "🎉" * 200, "1 " * 100, "01" * 100, "ґ" * 200, "\U00020000" * 200, "\ufdfa" * 200],
    ids=ascii,
)
def test_key_of_longest_title_is_bounded(title: str) -> None:
    assert 200 <= len(order_key(title).encode()) <= KEY_MAX_BYTES < 1_000
