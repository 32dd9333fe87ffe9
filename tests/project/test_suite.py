"""The test suite in a subprocess."""

import subprocess
import sys

import pytest

from tests.support.commands import PATIENCE, environment
from tests.support.paths import ROOT

pytestmark = pytest.mark.no_cover

NOWHERE = "postgresql://127.0.0.1:1/nowhere"


def test_suite_uses_the_server_of_database_url() -> None:
    """The processes that it starts use it as well."""
    test = "tests/doctor/test_endpoints.py::test_direct_endpoint_is_recognized"
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "1", test],
        cwd=ROOT,
        env=environment(DATABASE_URL=NOWHERE),
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
    assert finished.returncode == 1, finished.stdout
    assert "1 error" in finished.stdout
    assert "Connection refused" in finished.stdout
