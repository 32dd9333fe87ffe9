"""Rules of characters: visible texts, and control characters."""

import sys
import unicodedata

import pytest

from todo_graphql.store.text.characters import find_control_character, is_visible

VISIBLE = [
    "a",
    " a ",
    "1",
    "!",
    "_",
    "牛",
    "🎉",
    "❤️",
    "\u200bx",
    "é",
    "e\u0301",
    "ـ",
    "क्",
    "\u00b4",
]
INVISIBLE = [
    "",
    " ",
    "\u3000\u00a0\u2003",
    "\u3164",
    "\u115f\u1160\uffa0",
    "\u200b\u200d\u2060\ufeff",
    "\u00ad",
    "\u034f\u17b4\u17b5",
    "\ufe0f",
    "\U000e0061\U000e007f",
    "\u202e\u2066",
    "\u0301",
    "\u093c\u094d",
    "\u093e",
    "\u20e3",
    "\u2800\u2800",
    "\u180e",
    "\t\n",
    "\x00\x1f\x7f",
    "\u2028\u2029",
    "\ue000",
    "\U0010ffff",
    " \u200b\u0301\u3164 ",
]


@pytest.mark.parametrize("text", VISIBLE, ids=ascii)
def test_text_with_a_visible_character_is_visible(text: str) -> None:
    assert is_visible(text)
    assert is_visible(f"\u3164{text}\u0301 ")


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
def test_text_without_a_visible_character_is_invisible(text: str) -> None:
    assert not is_visible(text)


def test_control_characters_are_those_of_unicode_and_line_separators() -> None:
    found = {
        one
        for one in map(chr, range(sys.maxunicode + 1))
        if find_control_character(one) is not None
    }
    controls = {one for one in map(chr, range(0x3000)) if unicodedata.category(one) == "Cc"}
    assert found == controls | {"\u2028", "\u2029"}


def test_first_control_character_is_found() -> None:
    assert find_control_character("one\ntwo\r") == 3
    assert find_control_character("\tone") == 0
    assert find_control_character("שלום\u200f \u2067abc\u2069 😀") is None
