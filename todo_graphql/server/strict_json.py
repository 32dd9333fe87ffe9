"""Strict JSON: limits of input that the json module does not enforce (RFC 8259, section 9).

The nesting limit of the json module differs between versions of Python. A fixed limit far below
gives the same response on every version.
"""

import json
from itertools import chain
from typing import Any, NoReturn

MAX_NESTING = 100
"""The most levels of arrays and objects. A request of the API needs fewer than 20."""

MAX_VALUES = 32_768
"""The most values in arrays and objects: as many as SMALL_BYTES can have. The decoder lets no other
thread run, and a value takes up to 90 bytes of memory.
"""

SMALL_BYTES = 65_536


def reject_constant(_name: str) -> NoReturn:
    """Raise ValueError for NaN and Infinity, which are not JSON (RFC 8259, section 6)."""
    raise ValueError


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object. Raises ValueError if two members have one name.

    Decoders would ignore one of the two members (RFC 8259, section 4).
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def parse_int(text: str) -> int:
    """Return the integer. Between two calls of a function in Python, other threads can run."""
    return int(text)


def parse_float(text: str) -> float:
    return float(text)


# msgspec would reject valid JSON (decision 0017).
DECODER = json.JSONDecoder(parse_constant=reject_constant, object_pairs_hook=unique_members)
LARGE_DECODER = json.JSONDecoder(
    parse_constant=reject_constant,
    object_pairs_hook=unique_members,
    parse_int=parse_int,
    parse_float=parse_float,
)


def decode_json(text: bytes) -> Any:
    """Return the value. Raises ValueError for JSON that is invalid or exceeds a limit."""
    decoder = DECODER
    if len(text) > SMALL_BYTES:
        check_number_of_values(text)
        decoder = LARGE_DECODER
    try:
        value = decoder.decode(text.decode())
    except RecursionError:
        raise ValueError from None
    if may_exceed_nesting(text):
        check_nesting(value)
    return value


def check_number_of_values(text: bytes) -> None:
    """Raise ValueError if arrays and objects have more than MAX_VALUES values.

    Each value follows a comma or an opening bracket, of which strings may contain any number.
    """
    if count_separators(text) <= MAX_VALUES:
        return
    if count_separators(outside_of_strings(text)) > MAX_VALUES:
        raise ValueError


def outside_of_strings(text: bytes) -> bytes:
    """Return JSON without its strings. Raises ValueError for too many of them."""
    unescaped = text.replace(rb"\\", b"").replace(rb"\"", b"")
    if unescaped.count(b'"') > 4 * MAX_VALUES:  # of a name and a string for each value
        raise ValueError
    return b"".join(unescaped.split(b'"')[::2])


def count_separators(text: bytes) -> int:
    return sum(map(text.count, (b",", b"[", b"{")))


def check_nesting(value: object) -> None:
    """Raise ValueError if arrays and objects are nested deeper than MAX_NESTING levels."""
    level = [value]
    for _ in range(MAX_NESTING + 1):
        arrays = [item for item in level if isinstance(item, list)]
        objects = [item.values() for item in level if isinstance(item, dict)]
        if not arrays and not objects:
            return
        level = [*chain(*arrays, *objects)]
    raise ValueError


def may_exceed_nesting(text: bytes) -> bool:
    """Return whether the text has enough brackets to exceed MAX_NESTING, as few requests do."""
    return text.count(b"[") + text.count(b"{") > MAX_NESTING
