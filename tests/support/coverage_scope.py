"""The scope of the coverage measurement: fixtures and tests, without pytest.

Python traces all code of a thread while coverage measures it, which doubles its CPU time. Tests
with the marker `no_cover` and property tests are outside, because other tests reach their lines.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import is_hypothesis_test

PROCESS_SETTINGS = "COVERAGE_PROCESS_CONFIG"
"""The environment variable that makes coverage measure a subprocess."""

TRACER = sys.gettrace()
"""The measurement of coverage, or None if this run does not measure."""


def pause_coverage() -> None:
    """Stop the measurement of this thread."""
    if TRACER is not None:
        sys.settrace(None)


@contextmanager
def measuring_coverage(item: pytest.Item) -> Iterator[None]:
    """Measure this thread and the processes that it starts, unless the test is outside."""
    if item.get_closest_marker("no_cover") or is_hypothesis_test(getattr(item, "obj", None)):
        with _without_processes():
            yield
    elif TRACER is None:
        yield
    else:
        sys.settrace(TRACER)
        try:
            yield
        finally:
            sys.settrace(None)


@contextmanager
def pausing_coverage() -> Iterator[None]:
    """Measure neither this thread nor the processes that it starts."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        with _without_processes():
            yield
    finally:
        sys.settrace(tracer)


@contextmanager
def _without_processes() -> Iterator[None]:
    measured = os.environ.pop(PROCESS_SETTINGS, None)
    try:
        yield
    finally:
        if measured is not None:
            os.environ[PROCESS_SETTINGS] = measured
