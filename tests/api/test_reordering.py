"""The manual order: moves, concurrent moves and ranks."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.support.api_client import Person
from tests.support.task_lists import Reader
from todo_graphql.store import ranks
from todo_graphql.store.models import TASKS, Viewer
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.tasks.reordering import Destination
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask

MOVE = """
mutation ($id: ID!, $before: ID, $after: ID) {
  moveTask(id: $id, before: $before, after: $after) { revision task { id title revision } }
}
"""
RANKS = st.text(ranks.DIGITS, min_size=1, max_size=6).filter(lambda rank: rank[-1] != "0")


def order(who: Person) -> str:
    return "".join(who.titles(orderBy={"field": "POSITION"}))


@pytest.mark.parametrize(
    ("moved", "side", "other", "expected"),
    [
        ("d", "before", "a", "dabc"),
        ("d", "before", "b", "adbc"),
        ("d", "before", "c", "abdc"),
        ("a", "after", "b", "bacd"),
        ("a", "after", "c", "bcad"),
        ("a", "after", "d", "bcda"),
        ("a", None, None, "bcda"),
        ("c", None, None, "abdc"),
    ],
)
def test_move_changes_only_the_moved_task(
    alice: Person, moved: str, side: str | None, other: str | None, expected: str
) -> None:
    tasks = {task["title"]: task for task in alice.create_many(*"abcd")}
    where = {} if side is None or other is None else {side: tasks[other]["id"]}
    answer = alice.ask(MOVE, id=tasks[moved]["id"], **where)["moveTask"]
    assert (answer["revision"], answer["task"]["revision"]) == (2, 2)
    assert order(alice) == expected
    untouched = [alice.find(tasks[title]["id"]) for title in "abcd" if title != moved]
    assert [task["revision"] for task in untouched] == [1, 1, 1]


@pytest.mark.parametrize(
    ("moved", "side", "other"),
    [("b", "after", "a"), ("b", "before", "c"), ("d", None, None), ("d", "after", "c")],
)
def test_move_to_the_current_position_changes_nothing(
    alice: Person, moved: str, side: str | None, other: str | None
) -> None:
    tasks = {task["title"]: task for task in alice.create_many(*"abcd")}
    where = {} if side is None or other is None else {side: tasks[other]["id"]}
    assert alice.ask(MOVE, id=tasks[moved]["id"], **where)["moveTask"]["revision"] == 1
    assert order(alice) == "abcd"


def test_new_tasks_come_last(alice: Person) -> None:
    first, *_ = alice.create_many("a", "b")
    alice.ask(MOVE, id=first["id"])
    alice.create("c")
    assert order(alice) == "bac"


def test_restored_task_keeps_its_position(alice: Person) -> None:
    tasks = alice.create_many(*"abc")
    alice.change("deleteTask", tasks[1]["id"])
    alice.ask(MOVE, id=tasks[2]["id"], before=tasks[0]["id"])
    alice.change("restoreTask", tasks[1]["id"])
    assert order(alice) == "cab"


def test_move_next_to_a_missing_or_foreign_task_is_not_found(
    alice: Person, mallory: Person
) -> None:
    task, hers = mallory.create("own"), alice.create("hers")
    for other in (str(uuid.uuid4()), hers["id"]):
        for side in ("before", "after"):
            refusal = mallory.refusal(MOVE, id=task["id"], **{side: other})
            assert (refusal["code"], refusal["field"]) == ("NOT_FOUND", side)
    assert mallory.revision() == 1


def test_move_rejects_invalid_arguments(alice: Person) -> None:
    first, second = alice.create_many("a", "b")
    for where, field in (
        ({"before": first["id"]}, "before"),
        ({"after": first["id"]}, "after"),
        ({"before": second["id"], "after": second["id"]}, "after"),
        ({"after": "1"}, "after"),
    ):
        refusal = alice.refusal(MOVE, id=first["id"], **where)
        assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", field)


def test_concurrent_moves_all_succeed(alice: Person) -> None:
    tasks = alice.create_many(*(f"{number:x}" for number in range(12)))

    def move(number: int) -> Any:
        return alice.ask(MOVE, id=tasks[number]["id"], after=tasks[0]["id"])["moveTask"]

    with ThreadPoolExecutor(8) as pool:
        moved = list(pool.map(move, range(2, 12)))
    assert len({answer["revision"] for answer in moved}) == 10
    latest_first = sorted(moved, key=lambda answer: -answer["revision"])
    expected = "0" + "".join(answer["task"]["title"] for answer in latest_first) + "1"
    assert order(alice) == expected


@pytest.fixture
def three(database: Database) -> Any:
    """Yield the store of a user with three tasks, their ids and the connection."""
    viewer = Viewer(uuid.uuid4())
    with database.connect_as(viewer) as connection:
        tasks = Tasks(connection)
        written = tasks.create([NewTask(title) for title in "abc"], ["input"] * 3)
        yield tasks, [uuid.UUID(row.id) for row in written.rows], connection


def ranks_of(connection: Any) -> dict[uuid.UUID, str]:
    return dict(connection.read(select(TASKS.c.id, TASKS.c.rank)))


def test_moves_into_one_gap_keep_ranks_bounded(three: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tasks alternate in ever smaller gaps.

    The maximum length of ranks is a twentieth of the real limit, so that the test reaches it.
    """
    monkeypatch.setattr(ranks, "MAX_LENGTH", 100)
    tasks, (first, second, third), connection = three
    lengths = []
    for number in range(650):
        moved, other = ((second, third), (third, second))[number % 2]
        to = Destination(before=other) if number % 3 else Destination(after=first)
        tasks.move(moved, to)
        by_rank = ranks_of(connection)
        lengths.append(max(len(rank) for rank in by_rank.values()))
        assert sorted(by_rank, key=by_rank.__getitem__) == [first, moved, other]
    assert max(lengths) <= 100
    assert any(later < earlier for earlier, later in pairwise(lengths))


def test_ranks_at_the_ends_do_not_grow(three: Any) -> None:
    tasks, (first, _, third), connection = three
    for _ in range(20):
        for task_id, other in ((third, first), (first, third)):
            tasks.move(task_id, Destination(before=other))
        tasks.move(third, Destination())
    assert max(len(rank) for rank in ranks_of(connection).values()) <= 21


def test_rebalance_keeps_order_under_one_revision(three: Any) -> None:
    tasks, ids, connection = three
    rng = random.Random(1)  # noqa: S311 - not for secrets
    for _ in range(30):
        task_id, other = rng.sample(ids, 2)
        tasks.move(task_id, Destination(after=other))
    before = ranks_of(connection)
    rows = {task_id: tasks.find(task_id) for task_id in ids}
    revision = max(row.revision for row in rows.values() if row is not None)
    connection.write(ViewerScope().rebalance_ranks())
    after = ranks_of(connection)
    assert sorted(ids, key=before.__getitem__) == sorted(ids, key=after.__getitem__)
    for task_id, row in rows.items():
        found = tasks.find(task_id)
        assert row is not None
        assert found is not None
        assert found == row._replace(revision=revision + 1, position=found.position)
        assert found.position == f"{after[task_id]}!{task_id}"
    tasks.create([NewTask("d")], ["input"])
    assert max(ranks_of(connection).values()) not in after.values()


@given(RANKS, RANKS)
def test_rank_between_two_ranks_exists(one: str, other: str) -> None:
    low, high = sorted((one, other))
    middle = ranks.rank_between(low, high)
    if low == high:
        assert middle is None
    else:
        assert middle is not None
        assert low < middle < high
        assert middle[-1] != "0"


@pytest.mark.no_cover
def test_one_gap_holds_ten_thousand_ranks() -> None:
    low, high = "10000000000001", "10000000000002"
    for number in range(10_000):
        middle = ranks.rank_between(low, high)
        assert middle is not None
        low, high = (middle, high) if number % 2 else (low, middle)


def test_longest_rank_fits_the_index(database: Database) -> None:
    """PostgreSQL rejects an index row that is too long and not compressible."""
    rng = random.Random(1)  # noqa: S311 - not for secrets
    rank = "".join(rng.choices(ranks.DIGITS[1:], k=ranks.MAX_LENGTH))
    reader = Reader(database)
    reader.plant([{"id": str(uuid.uuid4()), "title": "longest", "rank": rank}])
    assert reader.found() == ["longest"]
