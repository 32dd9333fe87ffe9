"""The fast way answers what graphql-core answers, byte for byte, whatever is asked."""

import json
import logging
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.support.coverage_pause import pausing_coverage
from tests.support.differential import DAMAGE, FAST, OTHER_CLASS, REFERENCE, WHOLE, Home, canonical
from tests.support.operations import Writer
from todo_graphql.api.comparators import camel
from todo_graphql.store.postgres.engine import Database

DOCUMENTS, ASKED = 900, 2
CASES = DOCUMENTS * ASKED


@pytest.fixture(scope="module")
def home(database: Database) -> Home:
    return Home(database)


class Case(NamedTuple):
    """An operation, and how both answer it."""

    seed: int
    document: str
    values: dict[str, Any]
    fast: bytes
    reference: bytes


def damage_by(chance: random.Random) -> dict[str, Any]:
    """Several at once, as an operation rarely asks for more than one of these; or none."""
    if chance.random() < 0.1:
        return chance.choice([WHOLE, OTHER_CLASS])
    several = chance.choices(list(DAMAGE.values()), k=chance.randint(2, 5))
    return {name: value for one in several for name, value in one.items()}


@pytest.fixture(scope="module")
def cases(home: Home) -> Iterator[list[Case]]:
    """The same in every run, and each seed once."""
    logging.disable()  # each failure would be told twice, which takes longer than all the rest
    with pausing_coverage():
        cases = [case for seed in range(DOCUMENTS) for case in cases_of(home, seed)]
    yield cases
    logging.disable(logging.NOTSET)


def cases_of(home: Home, seed: int) -> Iterator[Case]:
    """One document with several values. Most of the time is taken by validation, once for each."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    writer = Writer(chance)
    document = writer.operation()
    for _ in range(ASKED):
        values, damage = writer.values(), damage_by(chance)
        fast, reference = (
            canonical(home.ask(schema, document, damage, **values)) for schema in (FAST, REFERENCE)
        )
        yield Case(seed, document, values, fast, reference)


def test_both_answer_the_same(cases: list[Case]) -> None:
    assert next((case for case in cases if case.fast != case.reference), None) is None


def test_the_generated_operations_are_of_all_kinds(cases: list[Case]) -> None:
    """Comparing refusals would prove little."""
    kinds = Counter(kind_of(json.loads(case.fast)) for case in cases)
    assert kinds["whole"] > CASES / 4, kinds
    assert kinds["failed"] > CASES / 5, kinds


def kind_of(answer: Any) -> str:
    """Whether it was refused, failed in parts, or is whole."""
    if not answer["errors"]:
        return "whole"
    return "failed" if any(error.get("path") for error in answer["errors"]) else "refused"


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize(
    "document",
    ["{ tasks { nodes { %s } } }", "query ($task: ID!) { task(id: $task) { id %s } }"],
    ids=["a page", "a task"],
)
def test_each_damage_is_answered_alike(home: Home, document: str, damage: dict[str, Any]) -> None:
    asked = document % " ".join(map(camel, damage))
    assert canonical(home.ask(FAST, asked, damage)) == canonical(home.ask(REFERENCE, asked, damage))
