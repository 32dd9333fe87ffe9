"""Differential test of compiled projections against graphql-core, byte for byte."""

import json
import logging
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.support.coverage_scope import pausing_coverage
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
    """Operation with the results of both executors."""

    seed: int
    document: str
    values: dict[str, Any]
    fast: bytes
    reference: bytes


def damage_by(rng: random.Random) -> dict[str, Any]:
    """Return several damages, because an operation rarely selects more than one of them."""
    if rng.random() < 0.1:
        return rng.choice([WHOLE, OTHER_CLASS])
    several = rng.choices(list(DAMAGE.values()), k=rng.randint(2, 5))
    return {name: value for one in several for name, value in one.items()}


@pytest.fixture(scope="module")
def cases(home: Home) -> Iterator[list[Case]]:
    """Return the same cases in every run."""
    logging.disable()  # logging every failure twice takes most of the time
    with pausing_coverage():
        cases = [case for seed in range(DOCUMENTS) for case in cases_of(home, seed)]
    yield cases
    logging.disable(logging.NOTSET)


def cases_of(home: Home, seed: int) -> Iterator[Case]:
    """Yield one document with several values, because validation takes most of the time."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    writer = Writer(rng)
    document = writer.operation()
    for _ in range(ASKED):
        values, damage = writer.values(), damage_by(rng)
        fast, reference = (
            canonical(home.ask(schema, document, damage, **values)) for schema in (FAST, REFERENCE)
        )
        yield Case(seed, document, values, fast, reference)


def test_projection_and_reference_return_equal_results(cases: list[Case]) -> None:
    assert next((case for case in cases if case.fast != case.reference), None) is None


def test_generated_operations_succeed_and_fail(cases: list[Case]) -> None:
    """Comparing rejections alone would prove little."""
    kinds = Counter(kind_of(json.loads(case.fast)) for case in cases)
    assert kinds["whole"] > CASES / 4, kinds
    assert kinds["failed"] > CASES / 5, kinds


def kind_of(answer: Any) -> str:
    if not answer["errors"]:
        return "whole"
    return "failed" if any(error.get("path") for error in answer["errors"]) else "rejected"


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize(
    "document",
    ["{ tasks { nodes { %s } } }", "query ($task: ID!) { task(id: $task) { id %s } }"],
    ids=["a page", "a task"],
)
def test_damaged_values_return_equal_results(
    home: Home, document: str, damage: dict[str, Any]
) -> None:
    asked = document % " ".join(map(camel, damage))
    assert canonical(home.ask(FAST, asked, damage)) == canonical(home.ask(REFERENCE, asked, damage))
