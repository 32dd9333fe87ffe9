"""The cache whose owners share values, and do not learn about each other's entries."""

import pytest

from todo_graphql.api.documents.shared_cache import MAX_EVICTIONS, SharedCache


def cache(room: int = 10, entries: int = 100, owner_room: int | None = None) -> SharedCache[str]:
    return SharedCache(room, owner_room or room, entries, weigh=len)


def test_value_of_another_owner_is_found_after_an_own_miss() -> None:
    own = cache()
    own.put("a", "text", "first")
    assert own.get("b", "text") is None
    own.put("b", "text", "second")
    assert (own.get("a", "text"), own.get("b", "text")) == ("first", "first")
    assert (len(own), own.weight) == (1, len("first"))
    assert (own.hits, own.misses) == (2, 1)


def test_use_by_another_owner_keeps_no_entry() -> None:
    """Otherwise the age of an entry would show whether another owner uses its text."""
    own = cache(room=10)
    for owner in "ab":
        own.put(owner, "text", "xxxx")
    for number in range(2):
        assert own.get("a", "text") == "xxxx"
        own.put("b", f"other {number}", "yyyy")
    assert own.get("b", "text") is None
    assert own.get("a", "text") == "xxxx"


def test_value_is_freed_with_its_last_entry() -> None:
    own = cache(room=10)
    for owner in "ab":
        own.put(owner, "text", "xxxx")
    own.put("c", "heavy", "y" * 10)
    assert [own.get(owner, "text") for owner in "ab"] == [None, None]
    assert (len(own), own.weight) == (1, 10)


def test_new_entry_evicts_few_entries_of_a_popular_text() -> None:
    """Each attempt evicts some entries, so that a later one is kept."""
    own, popular = cache(room=10), 2 * MAX_EVICTIONS + 1
    for number in range(popular):
        own.put(number, "text", "xxxx")
    for attempt in range(1, 3):
        own.put("a", "heavy", "y" * 10)
        assert own.get("a", "heavy") is None
        assert (len(own), own.weight) == (1, 4)
        left = [number for number in range(popular) if own.get(number, "text")]
        assert left == list(range(attempt * MAX_EVICTIONS, popular))
    own.put("a", "heavy", "y" * 10)
    assert own.get("a", "heavy") == "y" * 10
    assert (len(own), own.weight) == (1, 10)


def test_number_of_entries_is_bounded() -> None:
    own = cache(entries=3)
    for number in range(5):
        own.put(number, "text", "xxxx")
    assert [own.get(number, "text") is not None for number in range(5)] == [False] * 2 + [True] * 3
    assert own.weight == 4


@pytest.mark.parametrize("owner", ["a", "b"])
def test_repeated_entry_counts_once(owner: str) -> None:
    """Two requests of one user can miss at the same time."""
    own = cache(room=10)
    own.put("a", "text", "xxxx")
    own.put(owner, "text", "xxxx")
    own.put(owner, "text", "xxxx")
    own.put("c", "heavy", "y" * 10)
    assert (len(own), own.weight) == (1, 10)


def test_value_heavier_than_all_the_room_is_not_kept() -> None:
    own = cache(room=10)
    own.put("a", "light", "x")
    own.put("a", "too heavy", "x" * 11)
    assert own.get("a", "too heavy") is None
    assert own.get("a", "light") == "x"


def test_owner_beyond_its_share_evicts_its_own_oldest_entry() -> None:
    own = cache(room=10, owner_room=4)
    own.put("a", "text", "xxxx")
    for number in range(5):
        own.put("b", f"{number}", "yy")
    assert own.get("a", "text") == "xxxx"
    assert [own.get("b", f"{number}") for number in range(5)] == [None] * 3 + ["yy"] * 2
    own.put("b", "too heavy", "y" * 5)
    assert own.get("b", "too heavy") is None
    assert own.get("b", "4") == "yy"
