"""With LOG_FORMAT=json each line on standard error is JSON, also what Python itself would say."""

import json
import subprocess
import sys
from pathlib import Path

from tests.commands import PATIENCE

ROOT = Path(__file__).parent.parent
PROGRAM = """
import sys, threading, warnings
from todo_graphql.config import Settings
from todo_graphql.refusals import told_by_the_log
from todo_graphql.server import logs

def fail():
    raise ValueError(sys.argv[1])  # Python 3.13 quotes this line in a traceback

logs.configure(Settings())
warnings.warn("old")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
with told_by_the_log():
    fail()
"""


def test_warnings_and_failures_are_lines_of_the_log() -> None:
    """Of a failure its place is told, and not its words."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, "swordfish"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    warning, *failures = [json.loads(line) for line in ended.stderr.splitlines()]
    assert (ended.returncode, ended.stdout) == (1, "")
    assert (warning["logger"], warning["level"]) == ("py.warnings", "WARNING")
    assert [(line["level"], line["message"]) for line in failures] == [
        ("CRITICAL", "A thread has failed."),
        ("CRITICAL", "The server has failed."),
    ]
    assert all(line["exception"].endswith("ValueError") for line in failures)
    assert "swordfish" not in ended.stderr
