"""Tags: labels that are equal if their keys are."""

from collections.abc import Iterable

from todo_graphql.store.text.folding import fold


def tag_key(tag: str) -> str:
    """Return the key of a tag. A sign that folding removes is its own key."""
    return fold(tag).strip(" ") or tag


def edit_tags(tags: Iterable[str], added: Iterable[str], removed: Iterable[str]) -> list[str]:
    """Return the tags without those removed, followed by those added.

    Of equal tags, the first one remains. A tag that is removed and added takes the new spelling.
    """
    gone = set(map(tag_key, removed))
    edited: dict[str, str] = {}
    for tag in tags:
        if (key := tag_key(tag)) not in gone:
            edited.setdefault(key, tag)
    for tag in added:
        edited.setdefault(tag_key(tag), tag)
    return list(edited.values())
