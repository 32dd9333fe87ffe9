"""A pause of the coverage measurement, which doubles the CPU time of a test.

Only tests whose lines are all reached by others as well take one.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PROCESS_SETTINGS = "COVERAGE_PROCESS_CONFIG"
"""The variable by which a process that a test starts is measured."""


@contextmanager
def pausing_coverage() -> Iterator[None]:
    """Measure neither this thread nor the processes that it starts."""
    tracer, measured = sys.gettrace(), os.environ.pop(PROCESS_SETTINGS, None)
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)
        if measured is not None:
            os.environ[PROCESS_SETTINGS] = measured
