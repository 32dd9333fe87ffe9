"""Folding: texts that differ in case, accents and invisible characters have one key."""

import unicodedata

import pytest
from hypothesis import given

from tests.support.texts import CHARACTERS, FORMS, SAME_EXAMPLES, fold_each, texts
from todo_graphql.store.text.folding import LONG_MARKS, MAX_MARKS, fold

EQUAL: list[tuple[str, ...]] = [
    # Case
    ("Milk", "MILK", "milk", "ｍｉｌｋ"),
    ("ΟΔΟΣ", "οδος", "Οδός", "ὁδός", "οδοσ"),
    ("ΑΓΟΡΑ ΓΑΛΑΤΟΣ", "αγορα γαλατος", "Αγορά γάλατος"),
    ("Straße", "STRASSE", "STRAẞE", "strasse"),
    ("İSTANBUL", "Istanbul", "istanbul", "ıstanbul", "i̇stanbul"),
    ("МОЛОКО", "молоко"),
    ("Ძველი", "ძველი"),
    ("ԵՐԵՒԱՆ", "Երևան", "երեւան"),
    ("Ꮳꮃꭹ", "ᏣᎳᎩ"),
    ("𐐀𐐨", "𐐨𐐀"),
    ("ﬁn oﬃce", "FIN OFFICE"),
    ("Ǆ ǅ ǆ", "DŽ Dž dž", "dz dz dz"),
    # Accents
    ("Déjeuner", "De\u0301jeuner", "DEJEUNER"),
    ("Ёлка", "елка"),
    ("Їжак", "іжак", "ЇЖАК"),
    ("чай", "ЧАИ"),
    ("Tiếng Việt Đà Nẵng", "tieng viet da nang"),
    ("Łódź Øresund Ħamrun Đakovo", "lodz oresund hamrun dakovo"),
    ("Ŧ Ɓ Ɗ Ƙ Ƴ Ƶ Ɨ ɨ", "t b d k y z i i"),
    ("Æsir Œuvre Þór Ðóra", "aesir oeuvre thor dora"),
    ("ᾠδή", "ωδη"),
    ("שָׁלוֹם", "שלום", "שׁלום"),
    ("مُحَمَّد", "محمد"),
    ("قُرْآن", "قران"),
    ("أحمد إلى آخر", "احمد الى اخر"),
    ("ܫܠܳܡܳܐ", "ܫܠܡܐ"),
    ("ߓߊ߯ߡߊ߲", "ߓߊߡߊ"),
    # Invisible characters
    ("Wochen\u00adende", "Wochenende", "Wochen\u200bende", "Wo\u2060chen\ufeffende"),
    ("❤️", "❤", "❤︎"),
    ("می\u200cخواهم", "میخواهم"),
    ("क्\u200dष", "क्ष"),
    ("葛󠄀城", "葛城"),
    ("milk\u202c\u200e\u2069", "milk"),
    ("a\u3164b\uffa0c\u115fd\u1160e", "abcde"),
    ("🏴\U000e0067\U000e0062\U000e007f", "🏴"),
    ("محـــمد", "محمد"),
    ("ߒ߬ߞߏ", "ߒ߬ߺߞߏ"),
    # Signs
    ("м'яч", "мʼяч", "м’яч", "м`яч", "м‘яч", "м＇яч", "м\u00b4яч"),
    ("o'zbek", "oʻzbek", "oʼzbek", "o‘zbek"),
    ("Hawai'i", "Hawaiʻi", "Hawai‛i"),
    ("Qur'an", "Qurʾān", "Qurʿan", "Qurʹan"),
    ("צ'ק", "צ׳ק", "צ’ק"),
    ('צה"ל', "צה״ל", "צה”ל"),
    ("e-mail", "e‑mail", "e–mail", "e−mail"),
    # Compatibility forms
    ("ﾊﾟﾝ", "パン", "ハ\u309aン"),
    ("우유", "\u110b\u116e\u110b\u1172"),
    ("① m² ㎏ № ™", "1 m2 kg no tm"),
    ("１２３", "123", "١٢٣", "۱۲۳", "१२३", "๑๒๓", "𝟏𝟐𝟑"),
    # White space
    ("a b", "a\u00a0b", "a \t\n b", "a\u3000b", "a \u200b b"),
]

DIFFERENT: list[tuple[str, str]] = [
    ("हिन्दी", "हिनदी"),
    ("हिन्दी", "हिना द"),
    ("कमल", "क़मल"),
    ("कल", "काल"),
    ("நகரம்", "நகரம"),
    ("বাংলা", "বাংল"),
    ("ที่", "ที"),
    ("ခြေ", "ခေ"),
    ("が", "か"),
    ("ぱ", "は"),
    ("ひらがな", "ヒラガナ"),
    ("가", "각"),
    ("ကောင်", "ကောင"),
    ("ދިވެހި", "ދވހ"),
    ("ґанок", "ганок"),
    ("қала", "кала"),
    ("ab", "a b"),
    ("a", " a"),
    ("мяч", "м'яч"),
    ("🇩🇪", "🇪🇩"),
    ("1", "11"),
]


@pytest.mark.parametrize("spellings", EQUAL, ids=lambda spellings: ascii(spellings[0]))
def test_spellings_of_one_text_have_one_key(spellings: tuple[str, ...]) -> None:
    for form in FORMS:
        assert {fold(unicodedata.normalize(form, one)) for one in spellings} == {fold(spellings[0])}


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=ascii)
def test_different_words_have_different_keys(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_spaces_at_the_ends_remain() -> None:
    assert fold("\tÄ  b\u2003") == " a b "
    assert fold(" \n ") == " "


@SAME_EXAMPLES
@given(texts())
def test_key_is_its_own_key(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@SAME_EXAMPLES
@given(texts())
def test_key_is_equal_for_all_normalization_forms(text: str) -> None:
    assert {fold(unicodedata.normalize(form, text)) for form in FORMS} == {fold(text)}


@SAME_EXAMPLES
@given(texts())
def test_key_is_equal_in_lower_case(text: str) -> None:
    assert fold(text.lower()) == fold(text)


def test_key_of_each_character_is_equal_in_each_normalization_form() -> None:
    keys = fold_each(CHARACTERS)
    assert fold_each(keys) == keys
    for form in FORMS:
        assert fold_each(unicodedata.normalize(form, one) for one in CHARACTERS) == keys


def test_key_of_each_character_is_equal_in_each_case() -> None:
    # The iota subscript is an accent in lower case, and a letter in upper case: both spellings,
    # with and without it, are common for ancient Greek in lower case.
    ordinary = [one for one in CHARACTERS if "\u0345" not in unicodedata.normalize("NFD", one)]
    assert len(CHARACTERS) - len(ordinary) == 64
    keys = fold_each(ordinary)
    for change in (str.lower, str.upper, str.title, str.casefold):
        assert fold_each(map(change, ordinary)) == keys


# DerivedCoreProperties.txt of Unicode. The property is stable: code points join it when Unicode
# assigns them, from ranges that are reserved for it.
DEFAULT_IGNORABLE = (
    *(0xAD, 0x34F, 0x61C, 0x3164, 0xFEFF, 0xFFA0),
    *range(0x115F, 0x1161),
    *range(0x17B4, 0x17B6),
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10),
    *range(0xFFF0, 0xFFF9),
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
    *range(0xE0000, 0xE1000),
)


def test_default_ignorable_characters_disappear() -> None:
    assert fold("milk".join(map(chr, DEFAULT_IGNORABLE))) == "milk" * (len(DEFAULT_IGNORABLE) - 1)


def test_decimal_digits_of_all_scripts_are_equal() -> None:
    digits = [one for one in CHARACTERS if unicodedata.category(one) == "Nd"]
    assert len(digits) > 600
    assert fold_each(digits) == [str(unicodedata.decimal(digit)) for digit in digits]


def test_long_runs_of_marks_are_cut() -> None:
    assert fold("क" + "\u093c\u094d" * 5_000 + "a") == fold("क" + "\u093c\u094d" * 15 + "a")
    assert fold("e" + "\u0301" * 10_000 + "x") == "ex"


def test_cut_covers_all_characters_that_decompose_to_marks() -> None:
    # Normalization takes the square of the length of such a run.
    marks = [
        one
        for one in CHARACTERS
        if all(map(unicodedata.combining, unicodedata.normalize("NFKD", one)))
    ]
    assert len(marks) > 800
    assert [one for one in marks if not LONG_MARKS.fullmatch(one * (MAX_MARKS + 1))] == []
