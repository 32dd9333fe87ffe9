"""Laws of the three-way merge, for generated states of a task."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from todo_graphql.store.sync.merge import EMPTY, UNKNOWN, Values, merge_values
from todo_graphql.store.text.tags import tag_key

TAGS = st.lists(st.sampled_from(["a", "A", "b", "c"]), unique_by=tag_key)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "title": st.sampled_from("xyz"),
    "description": st.sampled_from([None, "", "x", "y"]),
    "priority": st.integers(0, 2),
    "due": st.sampled_from([(None, None), ("day", None), ("other day", None), (None, "time")]),
    "tags": TAGS,
    "completed_at": st.sampled_from([None, "noon", "night"]),
    "trashed": st.booleans(),
}
STATES = st.fixed_dictionaries(FIELDS)
PARTS = st.fixed_dictionaries({}, optional=FIELDS)
BASES = st.none() | PARTS


def merged(base: Values | None, new: Values, present: Values) -> dict[str, Any]:
    """Return the state after a merge."""
    return {**present, **merge_values(base, new, present).changes}


def keys(tags: list[str]) -> set[str]:
    return set(map(tag_key, tags))


def comparable(state: Values) -> dict[str, Any]:
    """Return a state without the order of the tags."""
    return {**state, "tags": keys(state["tags"])}


@given(base=BASES, new=PARTS, present=STATES)
def test_repeated_merge_changes_nothing(base: Values | None, new: Values, present: Values) -> None:
    after = merged(base, new, present)
    again = merge_values(base, new, after)
    assert again.changes == {}
    assert again.conflicts == merge_values(base, new, present).conflicts


@given(new=PARTS, present=STATES)
def test_unedited_state_changes_nothing(new: Values, present: Values) -> None:
    assert merge_values(new, new, present) == ({}, frozenset())


@given(base=STATES, new=PARTS)
def test_edits_of_the_present_state_are_all_taken(base: Values, new: Values) -> None:
    result = merge_values(base, new, base)
    assert result.conflicts == frozenset()
    assert merged(base, new, base) == {**base, **new}


@given(base=STATES, one=PARTS, other=PARTS)
def test_edits_of_disjoint_fields_commute(base: Values, one: Values, other: Values) -> None:
    other = {name: value for name, value in other.items() if name not in one}
    in_order = merged(base, other, merged(base, one, base))
    assert in_order == merged(base, one, merged(base, other, base)) == {**base, **one, **other}


@given(base=BASES, new=PARTS, present=STATES)
def test_fields_that_are_not_named_stay(base: Values | None, new: Values, present: Values) -> None:
    result = merge_values(base, new, present)
    assert result.changes.keys() | result.conflicts <= new.keys()
    assert not result.changes.keys() & result.conflicts


@given(base=BASES, new=PARTS, present=STATES)
def test_edit_is_taken_or_reported(base: Values | None, new: Values, present: Values) -> None:
    """No edit of the client and no edit of others is lost without a conflict."""
    result, after = merge_values(base, new, present), merged(base, new, present)
    for name in new.keys() - result.conflicts - {"tags"}:
        begun = UNKNOWN if base is None else base.get(name, EMPTY.get(name))
        if new[name] == begun:
            assert after[name] == present[name]
        elif name == "completed_at" and begun is None:
            assert bool(after[name]) == bool(new[name])
        else:
            assert after[name] == new[name]
    for name in result.conflicts:
        assert after[name] == present[name] != new[name]


@given(base=STATES, mine=TAGS, theirs=TAGS)
def test_tags_are_merged_as_sets(base: Values, mine: list[str], theirs: list[str]) -> None:
    present = {**base, "tags": theirs}
    result = merge_values(base, {"tags": mine}, present)
    assert result.conflicts == frozenset()
    begun, after = keys(base["tags"]), keys(merged(base, {"tags": mine}, present)["tags"])
    added = (keys(mine) - begun) | (keys(theirs) - begun)
    assert after == (begun & keys(mine) & keys(theirs)) | added


@given(base=STATES, mine=TAGS, theirs=TAGS)
def test_edits_of_tags_commute(base: Values, mine: list[str], theirs: list[str]) -> None:
    one, other = {"tags": mine}, {"tags": theirs}
    in_order = merged(base, other, merged(base, one, base))
    assert comparable(in_order) == comparable(merged(base, one, merged(base, other, base)))


@given(new=PARTS, present=STATES)
def test_new_task_overwrites_nothing(new: Values, present: Values) -> None:
    result = merge_values(None, new, present)
    assert result.changes == {}
    for name in new.keys() - {"tags", "completed_at"}:
        assert (name in result.conflicts) == (new[name] != present[name])


@given(new=PARTS, present=STATES)
def test_omitted_base_overwrites_only_empty_values(new: Values, present: Values) -> None:
    """Of tags, those that others added stay."""
    result = merge_values({}, new, present)
    for name in result.changes.keys() - {"tags"}:
        assert present[name] == EMPTY.get(name)
    assert keys(merged({}, new, present)["tags"]) >= keys(present["tags"])
