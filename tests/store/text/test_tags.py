"""Tags: equality, and edits."""

import pytest

from todo_graphql.store.text.tags import edit_tags, tag_key

Tags = list[str]

EDITS: list[tuple[Tags, Tags, Tags, Tags]] = [
    # tags, added, removed, expected
    ([], [], [], []),
    (["a", "b"], ["c"], [], ["a", "b", "c"]),
    (["a", "b"], [], ["a"], ["b"]),
    (["a", "home", "b"], ["Home"], ["home"], ["a", "b", "Home"]),
    (["Home"], ["home", "HOME"], [], ["Home"]),
    ([], ["b", "a", "B"], [], ["b", "a"]),
    (["a", "A", "á"], [], [], ["a"]),
    (["ΟΔΟΣ"], ["οδος", "Οδός"], [], ["ΟΔΟΣ"]),
    (["ΟΔΟΣ", "x"], [], ["οδος"], ["x"]),
    (["STRASSE"], ["straße"], [], ["STRASSE"]),
    (["İş"], [], ["IŞ"], []),
    (["м'яч"], ["мʼяч"], [], ["м'яч"]),
    (["❤️"], [], ["❤"], []),
    (["हिन्दी"], ["हिनदी"], [], ["हिन्दी", "हिनदी"]),
    (["a"], ["b"], ["nowhere"], ["a", "b"]),
    (["week\u00adend"], [], ["Weekend"], []),
]


@pytest.mark.parametrize(("tags", "added", "removed", "expected"), EDITS, ids=ascii)
def test_edit_of_tags(tags: Tags, added: Tags, removed: Tags, expected: Tags) -> None:
    assert edit_tags(tags, added, removed) == expected


def test_key_of_a_tag_has_no_spaces_at_its_ends() -> None:
    assert tag_key("\u200b Two  Words \u200b") == "two words"


def test_signs_that_folding_removes_are_different_tags() -> None:
    assert edit_tags(["ـ", "\u00a8"], ["\u00af"], []) == ["ـ", "\u00a8", "\u00af"]
