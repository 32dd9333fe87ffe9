"""The fast way answers what graphql-core answers, byte for byte, whatever is asked."""

import json
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.homes import DAMAGE, FAST, OTHER_CLASS, REFERENCE, WHOLE, Home, canonical
from tests.operations import Writer
from todo_graphql.api.comparators import camel
from todo_graphql.store.database import Database


@pytest.fixture(scope="module")
def home(database: Database) -> Home:
    return Home(database)


CASES = 2_400
executed: Counter[str] = Counter()


# Several at once, as an operation rarely asks for more than one of these.
damages = st.lists(st.sampled_from(list(DAMAGE.values())), min_size=2, max_size=5).map(
    lambda several: {name: value for one in several for name, value in one.items()}
)


@settings(
    max_examples=CASES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**64), damage=damages | st.sampled_from([WHOLE, OTHER_CLASS]))
def test_both_answer_the_same(home: Home, seed: int, damage: Any) -> None:
    writer = Writer(random.Random(seed))  # noqa: S311 - nothing secret
    document, values = writer.operation(), writer.values()
    fast = canonical(home.ask(FAST, document, damage, **values))
    assert fast == canonical(home.ask(REFERENCE, document, damage, **values)), (document, values)
    executed[kind_of(json.loads(fast))] += 1


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize(
    "document",
    ["{ tasks { nodes { %s } } }", "query ($task: ID!) { task(id: $task) { id %s } }"],
    ids=["a page", "a task"],
)
def test_each_damage_is_answered_alike(home: Home, document: str, damage: dict[str, Any]) -> None:
    asked = document % " ".join(map(camel, damage))
    assert canonical(home.ask(FAST, asked, damage)) == canonical(home.ask(REFERENCE, asked, damage))


def kind_of(answer: Any) -> str:
    """Whether it was refused, failed in parts, or is whole."""
    if not answer["errors"]:
        return "whole"
    return "failed" if any(error.get("path") for error in answer["errors"]) else "refused"


def test_the_generated_operations_were_of_all_kinds() -> None:
    """Comparing refusals would prove little."""
    assert sum(executed.values()) == CASES
    assert executed["whole"] > CASES / 4, executed
    assert executed["failed"] > CASES / 4, executed
