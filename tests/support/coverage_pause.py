"""A pause of the coverage measurement, which doubles the CPU time of a test.

Tests use it only if other tests reach the same lines.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PROCESS_SETTINGS = "COVERAGE_PROCESS_CONFIG"
"""The environment variable that makes coverage measure a subprocess."""


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
