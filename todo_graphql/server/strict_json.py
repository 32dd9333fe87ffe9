"""Strict JSON: limits of input that the json module does not enforce (RFC 8259, section 9).

The nesting limit of the json module differs between versions of Python. A fixed limit far below
gives the same response on every version.
"""

from itertools import chain
from typing import NoReturn

MAX_NESTING = 100
"""The most levels of arrays and objects. A request of the API needs fewer than 20."""


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


def reject_constant(_name: str) -> NoReturn:
    """Raise ValueError for NaN and Infinity, which are not JSON (RFC 8259, section 6)."""
    raise ValueError
