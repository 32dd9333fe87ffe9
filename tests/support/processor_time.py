"""A stopped clock for tests that count the cost of shapes alone."""

import pytest

from todo_graphql.api import processor_time


def stop_clock(patch: pytest.MonkeyPatch) -> None:
    """Let the processor take no time, and HTTP cost nothing."""
    patch.setattr(processor_time, "thread_time", lambda: 0.0)
    patch.setattr(processor_time, "COST_OF_HTTP", 0)
