"""Size of a response, which is bounded while the response is built (decision 0018).

The characters of names and values are counted before they are encoded. They are a lower bound of
the encoded size, and MAX_EXPANSION times as many bytes are an upper bound. Large values are encoded
as soon as they are complete, so that their texts are not held until the end.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias

import msgspec
from graphql import ExecutionResult, FieldNode, GraphQLError

from todo_graphql.errors import QueryTooComplex

MAX_EXPANSION = 6
"""The most bytes of a character in JSON: a control character becomes `\\u0001`."""

MAX_PENDING_CHARACTERS = 262_144
"""The number of characters from which on complete values are encoded."""

MAX_PENDING_MUTATION_CHARACTERS = 16_384
"""This number for a root field of a mutation, whose exact size decides."""

FRAME_CHARACTERS = len('{"data":{}}')

NAME_CHARACTERS = len('"":')

COST_CHARACTERS = len(',"extensions":{"cost":2147483647,"actualCost":2147483647}')

ENCODER = msgspec.json.Encoder()

Mark: TypeAlias = tuple[int, int, int]
"""A state of a ResponseSize: `encoded`, `pending` and `possible`."""


class ResponseTooLargeError(BaseException):
    """The response exceeds its limit.

    It is no Exception, which graphql-core would turn into null and an error for each field. A root
    field sets its `key`.
    """

    key: str | None = None


class ResponseSize:
    """Counter of the bytes and characters of a response.

    `encoded` bytes are encoded, and `pending` characters are to be encoded. Texts that are too
    short to matter are not counted: `possible` is the number of pending characters if each of them
    has its maximum length. `fields` are the returned fields, if the count `is_complete`.
    """

    __slots__ = (
        "encoded",
        "fields",
        "frame",
        "is_complete",
        "is_mutation",
        "limit",
        "pending",
        "possible",
        "threshold",
    )

    def __init__(
        self, limit: int, frame: int = FRAME_CHARACTERS, *, is_mutation: bool = False
    ) -> None:
        """Create a counter. `frame` is the number of characters around the data."""
        self.limit = limit
        self.frame = frame
        self.is_mutation = is_mutation
        self.pending = self.possible = frame
        self.fields = 0
        self.is_complete = False
        self._set_encoded(0)

    def _set_encoded(self, encoded: int) -> None:
        """Set the number of encoded bytes.

        Up to `threshold` possible characters, nothing must be checked or encoded.
        """
        self.encoded = encoded
        maximum = MAX_PENDING_MUTATION_CHARACTERS if self.is_mutation else MAX_PENDING_CHARACTERS
        self.threshold = min(maximum, (self.limit - encoded) // MAX_EXPANSION)

    def add(self, characters: int) -> None:
        """Count characters that are to be encoded. Raise ResponseTooLargeError."""
        self.pending += characters
        self.possible += characters
        if self.encoded + self.pending > self.limit:
            raise ResponseTooLargeError

    def unreturned(self, maximum: int) -> int:
        """Return how many of so many fields were certainly not returned."""
        return max(maximum - self.fields, 0) if self.is_complete else 0

    @property
    def most(self) -> int:
        """Return an upper bound of the encoded size."""
        return self.encoded + self.possible * MAX_EXPANSION

    def has_room_for(self, errors: Iterable[GraphQLError]) -> bool:
        """Return whether the response certainly has room for these errors."""
        characters = sum(len(repr(error.formatted)) for error in errors)
        return self.most + characters * MAX_EXPANSION <= self.limit

    def mark(self) -> Mark:
        return self.encoded, self.pending, self.possible

    def rewind(self, mark: Mark) -> None:
        """Discard everything that was counted since the mark."""
        encoded, self.pending, self.possible = mark
        self._set_encoded(encoded)

    def add_null(self, key: str) -> None:
        """Count a root field that is null because of the limit."""
        self.pending += len(f'"{key}":null')
        self.possible += len(f'"{key}":null')

    def repeat(self, mark: Mark, times: int) -> None:
        """Count what was counted since the mark so many times again."""
        encoded, pending, possible = mark
        self._set_encoded(self.encoded + (self.encoded - encoded) * times)
        uncounted = (self.possible - possible) - (self.pending - pending)
        self.possible += uncounted * times
        self.add((self.pending - pending) * times)

    def encode(self, values: Sequence[Any], mark: Mark) -> Sequence[Any]:
        """Return complete values, which were counted since the mark, in their encoded form.

        Raise ResponseTooLargeError. The result of a mutation never causes the error of a later one:
        it must fit beside the upper bound of the pending values.
        """
        self.add(0)
        encoded, pending, possible = mark
        before = possible * MAX_EXPANSION if self.is_mutation else pending
        room = self.limit - encoded - before
        most = self.encoded - encoded + (self.possible - possible) * MAX_EXPANSION
        fits = most <= room
        raws: list[msgspec.Raw | None] = []
        for value in values:
            content = ENCODER.encode(value) if fits else encode_within(value, room)
            room -= len(content)
            raws.append(None if value is None else msgspec.Raw(content))
        self._set_encoded(self.limit - before - room)
        self.pending, self.possible = pending, possible
        return raws


def count_text(texts: Iterable[str | None]) -> int:
    return sum(map(len, filter(None, texts)))


def count_text_lists(lists: Iterable[Sequence[str]]) -> int:
    """Count the characters of the texts and their quotation marks."""
    return count_text(chain.from_iterable(lists)) + 2 * sum(map(len, lists))


def encode_within(value: Any, room: int) -> bytes:
    """Return the value as JSON.

    Raises ResponseTooLargeError before more than `room` bytes and one leaf are encoded.
    """
    buffer = bytearray()
    _append(value, buffer, room)
    return bytes(buffer)


def _append(value: Any, buffer: bytearray, room: int) -> None:
    if isinstance(value, msgspec.Struct):
        members = zip(value.__struct_encode_fields__, msgspec.structs.astuple(value), strict=True)
        _append_members(members, buffer, room)
    elif isinstance(value, Mapping):
        _append_members(value.items(), buffer, room)
    elif isinstance(value, list | tuple):
        opening = b"["
        for item in value:
            buffer += opening
            opening = b","
            _append(item, buffer, room)
        buffer += b"]" if value else b"[]"
    else:
        ENCODER.encode_into(value, buffer, -1)
    if len(buffer) > room:
        raise ResponseTooLargeError


def _append_members(members: Iterable[tuple[str, Any]], buffer: bytearray, room: int) -> None:
    opening = b"{"
    for name, value in members:
        buffer += opening
        opening = b","
        ENCODER.encode_into(name, buffer, -1)
        buffer += b":"
        _append(value, buffer, room)
    buffer += b"}" if opening == b"," else b"{}"


def settle_field(value: Any, key: str, mark: Mark, size: ResponseSize) -> Any:
    """Return the value of a field, which was counted since the mark, and count its name.

    The value is encoded if many characters are pending. Raise ResponseTooLargeError.
    """
    name = len(key) + NAME_CHARACTERS
    size.pending += name
    size.possible += name
    if size.possible <= size.threshold:
        return value
    encoded, pending, possible = mark
    (settled,) = size.encode([value], (encoded, pending + name, possible + name))
    return settled


def response_too_large(
    limit: int, key: str | int, nodes: Sequence[FieldNode] = (), *, is_mutation: bool
) -> GraphQLError:
    """Return the error for a response, or for the result of an executed mutation."""
    message = (
        "The mutation was executed, but its result is not returned, because the response would "
        f"exceed {limit:,} bytes. Select fewer fields, or query the tasks in pages."
        if is_mutation
        else f"The response is too large: it can contain at most {limit:,} bytes. Select fewer "
        "fields or smaller pages."
    )
    problem = QueryTooComplex(message, limit=limit, limitName="responseBytes")
    return GraphQLError(
        message,
        nodes=nodes or None,
        path=[key],
        original_error=problem,
        extensions=problem.extensions,
    )


def encode_result(result: ExecutionResult, size: ResponseSize) -> ExecutionResult:
    """Return the result with its values in their encoded form. Raise ResponseTooLargeError."""
    if result.data is None:
        return result
    room = size.limit - size.frame - sum(len(f',"{key}":') for key in result.data) + len(",")
    values: dict[str, msgspec.Raw | None] = {}
    try:
        for key, value in result.data.items():
            content = encode_within(value, room)
            room -= len(content)
            values[key] = None if value is None else msgspec.Raw(content)
    except ResponseTooLargeError as error:
        error.key = key
        raise
    size.encoded, size.pending, size.possible = size.limit - room, 0, 0
    return ExecutionResult(values, result.errors, result.extensions)
