"""The turn of one thread at a time to prepare a document."""

from types import SimpleNamespace

import pytest

from todo_graphql.api.documents import cache
from todo_graphql.api.documents.cache import LONG_TURN_SECONDS, REST, PreparationTurn


@pytest.mark.parametrize(
    ("seconds", "rest"), [(LONG_TURN_SECONDS / 2, 0.0), (4 * LONG_TURN_SECONDS, REST * 0.04)]
)
def test_long_turn_is_followed_by_a_rest(
    monkeypatch: pytest.MonkeyPatch, seconds: float, rest: float
) -> None:
    now, waits = [100.0], list[float]()
    monkeypatch.setattr(
        cache, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=waits.append)
    )
    turn = PreparationTurn()
    with turn:
        now[0] += seconds
    with turn:
        pass
    assert waits == pytest.approx([0.0, rest])
