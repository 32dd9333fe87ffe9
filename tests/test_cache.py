"""The cache, with values that weigh something."""

from todo_graphql.cache import Cache


def test_value_as_heavy_as_all_the_room_is_kept() -> None:
    cache: Cache[str, str] = Cache(10, weigh=len)
    cache.put("light", "x")
    cache.put("heavy", "x" * 10)
    assert cache.get("light") is None
    assert cache.get("heavy") == "x" * 10
    assert (len(cache), cache.weight) == (1, 10)


def test_value_heavier_than_all_the_room_is_not_kept() -> None:
    cache: Cache[str, str] = Cache(10, weigh=len)
    cache.put("light", "x")
    cache.put("too heavy", "x" * 11)
    assert cache.get("too heavy") is None
    assert cache.get("light") == "x"


def test_value_that_was_not_asked_for_longest_makes_room() -> None:
    cache: Cache[str, int] = Cache(2)
    for number, key in enumerate("ab"):
        cache.put(key, number)
    assert cache.get("a") == 0
    cache.put("c", 2)
    assert [cache.get(key) for key in "abc"] == [0, None, 2]
    assert (cache.hits, cache.misses) == (3, 1)
