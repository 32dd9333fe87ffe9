"""Rules of characters: titles and tags are visible and have one line."""

import re

import regex

# Invisible are white space, controls, unassigned and private characters, marks without a letter,
# default-ignorable characters, and two symbols without ink.
VISIBLE = regex.compile(r"[^\p{Z}\p{C}\p{M}\p{Default_Ignorable_Code_Point}\u2800\U0001d159]")
# Bidirectional controls are permitted: titles in Hebrew and Arabic need them beside Latin words.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def is_visible(text: str) -> bool:
    """Return whether at least one character of a text is visible."""
    return VISIBLE.search(text) is not None


def find_control_character(text: str) -> int | None:
    """Return the index of the first control character or line separator, None without one."""
    found = CONTROL.search(text)
    return None if found is None else found.start()
