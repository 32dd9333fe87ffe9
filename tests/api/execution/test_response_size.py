"""The size of a response while it is built: its bounds, and its encoding within a limit."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from graphql import GraphQLList, GraphQLNonNull, GraphQLObjectType

from tests.support.coverage_scope import pausing_coverage
from tests.support.differential import FAST, REFERENCE, Home
from tests.support.operations import Writer
from todo_graphql.api.execution import response_size
from todo_graphql.api.execution.columns import SHORT_TEXT_CHARACTERS, TEXT_COUNTERS
from todo_graphql.api.execution.compiler import leaf_type
from todo_graphql.api.execution.response_size import (
    FRAME_CHARACTERS,
    MAX_EXPANSION,
    ResponseSize,
    ResponseTooLargeError,
    encode_within,
    settle_field,
)
from todo_graphql.api.schema import Schema
from todo_graphql.store.postgres.engine import Database

OPERATIONS = 150
WORST = "\x01"
"""A character of which JSON has six."""


@pytest.fixture(scope="module")
def home(database: Database) -> Home:
    return Home(database)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[ResponseSize]:
    """The sizes of the responses that the test executes."""
    found: list[ResponseSize] = []

    def noting(limit: int, frame: int, *, is_mutation: bool) -> ResponseSize:
        found.append(ResponseSize(limit, frame, is_mutation=is_mutation))
        return found[-1]

    monkeypatch.setattr("todo_graphql.api.schema.ResponseSize", noting)
    return found


def responses(home: Home, schema: Schema, sizes: list[ResponseSize]) -> Iterator[Any]:
    """Yield the data of generated operations with their sizes."""
    for seed in range(OPERATIONS):
        writer = Writer(random.Random(seed))  # noqa: S311 - not for secrets
        document, values = writer.operation(), writer.values()
        sizes.clear()
        result = home.ask(schema, document, **values)
        if sizes and result.data:
            yield document, msgspec.json.encode({"data": result.data}), sizes[-1]


@pytest.mark.parametrize("schema", [FAST, REFERENCE], ids=["projection", "reference"])
@pytest.mark.parametrize("pending", [0, 10**6], ids=["encoded at once", "encoded at the end"])
def test_counted_size_bounds_encoded_size(
    home: Home,
    schema: Schema,
    sizes: list[ResponseSize],
    pending: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MAX_PENDING_CHARACTERS", "MAX_PENDING_MUTATION_CHARACTERS"):
        monkeypatch.setattr(response_size, name, pending)
    compared = 0
    with pausing_coverage():
        for document, content, size in responses(home, schema, sizes):
            assert size.encoded + size.pending <= len(content) <= size.most, document
            compared += 1
    assert compared > OPERATIONS / 3


def test_every_leaf_of_the_schema_is_counted() -> None:
    """A text that is not counted would have no bound."""
    counted = TEXT_COUNTERS.keys() | SHORT_TEXT_CHARACTERS.keys()
    kinds = [
        field.type
        for kind in FAST.graphql_schema.type_map.values()
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__")
        for field in kind.fields.values()
    ]
    texts = {leaf for kind in kinds if (leaf := leaf_type(kind)) and "str" in str(leaf)}
    assert texts
    assert texts <= counted


def test_every_mutation_is_nullable() -> None:
    """The limit sets the field of a mutation to null."""
    root = FAST.graphql_schema.mutation_type
    assert root is not None
    kinds = [field.type for field in root.fields.values()]
    assert kinds
    assert not [kind for kind in kinds if isinstance(kind, GraphQLNonNull | GraphQLList)]


@pytest.mark.parametrize(
    "value",
    [None, "", WORST * 9, "😀", 7, True, [], {}, [1, None], {"a": {"b": ["c", {}]}}],
)
def test_bounded_encoding_equals_msgspec(value: object) -> None:
    struct = msgspec.defstruct("Struct", [("field0", object)], rename={"field0": "key"})
    for whole in (value, [value, value], {"a": value}, struct(value), msgspec.Raw(b"[1]")):
        content = msgspec.json.encode(whole)
        assert encode_within(whole, len(content)) == content
        with pytest.raises(ResponseTooLargeError):
            encode_within(whole, len(content) - 1)


def test_bounded_encoding_stops_at_the_limit() -> None:
    """At most one leaf is encoded beyond the limit."""

    class Leaves(list[str]):
        taken = 0

        def __iter__(self) -> Iterator[str]:
            for leaf in super().__iter__():
                self.taken += 1
                yield leaf

    leaves = Leaves([WORST * 100] * 1_000)
    with pytest.raises(ResponseTooLargeError):
        encode_within(leaves, 6_000)
    assert leaves.taken <= 10


def test_counting_stops_at_the_limit() -> None:
    size = ResponseSize(100)
    size.add(100 - FRAME_CHARACTERS)
    with pytest.raises(ResponseTooLargeError):
        size.add(1)


def test_large_values_are_encoded_once_they_are_complete() -> None:
    """Their texts are no longer held."""
    size = ResponseSize(10**9)
    mark = size.mark()
    text = "x" * (response_size.MAX_PENDING_CHARACTERS + 1)
    size.add(len(text))
    (raw,) = size.encode([text], mark)
    assert isinstance(raw, msgspec.Raw)
    assert (size.encoded, size.pending) == (len(text) + 2, FRAME_CHARACTERS)


def test_small_values_are_encoded_at_the_end() -> None:
    size = ResponseSize(1_000)
    values = {"a": 1}
    assert settle_field(values, "key", size.mark(), size) is values
    size.add(200)
    assert isinstance(settle_field(values, "key", size.mark(), size), msgspec.Raw)


def test_values_are_encoded_near_the_limit() -> None:
    """Their upper bound exceeds the limit, and their size does not."""
    size = ResponseSize(200)
    mark = size.mark()
    size.add(100)
    assert size.pending * MAX_EXPANSION > size.limit
    (raw,) = size.encode(["x" * 100], mark)
    assert bytes(raw) == b'"%b"' % (b"x" * 100)
    mark = size.mark()
    size.add(50)
    with pytest.raises(ResponseTooLargeError):
        size.encode([WORST * 50], mark)


def test_shared_value_is_counted_for_each_object() -> None:
    size = ResponseSize(1_000)
    mark = size.mark()
    size.add(10)
    size.repeat(mark, 4)
    assert size.pending == FRAME_CHARACTERS + 50
