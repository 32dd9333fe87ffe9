"""The log stream with LOG_FORMAT=json: every line on standard error is JSON."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support import plain_http
from tests.support.commands import PATIENCE, PROGRAM, Service, environment, until
from tests.support.paths import ROOT
from tests.support.servers import variables_for

pytestmark = pytest.mark.no_cover

SOMEWHERE = SecretStr("postgresql://127.0.0.1:1/nothing")
FAILURES = """
import sys, threading, warnings
from todo_graphql.settings.settings import Settings
from todo_graphql.runtime.preflight import log_fatal_errors
from todo_graphql.server.observability import log_configuration

def fail():
    raise ValueError(sys.argv[1])  # Python 3.13 quotes this line in a traceback

log_configuration.configure(Settings())
warnings.warn("old")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
with log_fatal_errors():
    fail()
"""


def test_warnings_and_failures_are_logged_as_json() -> None:
    """The log of a failure has its traceback without its message."""
    ended = subprocess.run(
        [sys.executable, "-c", FAILURES, "swordfish"],
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


def test_log_line_is_written_before_next_response(tmp_path: Path) -> None:
    """A killed server loses no line of an earlier request."""
    with Service("serve", folder=tmp_path, **variables_for(SOMEWHERE)) as service:
        with plain_http.Client(base_url=service.url, timeout=PATIENCE) as client:
            first, _ = [client.get("/health/live") for _ in range(2)]
        service.process.kill()
        service.process.wait(PATIENCE)
        lines = [json.loads(line) for line in service.output.splitlines()]
    assert first.headers["x-request-id"] in [line["requestId"] for line in lines]


def test_slow_log_reader_loses_no_line(tmp_path: Path) -> None:
    """The lines exceed the capacity of a pipe. The server waits for the reader, and continues."""
    given = environment(**variables_for(SOMEWHERE))
    expected = [f"request-{number}" for number in range(600)]
    answered: list[str] = []

    def ask(url: str) -> None:
        with plain_http.Client(base_url=url, timeout=PATIENCE) as client:
            for name in expected:
                response = client.get("/health/live", headers={"X-Request-Id": name})
                answered.append(response.headers["x-request-id"])

    with (
        subprocess.Popen(
            [*PROGRAM, "serve"], cwd=tmp_path, env=given, stderr=subprocess.PIPE, text=True
        ) as server,
        ThreadPoolExecutor(1) as threads,
    ):
        assert server.stderr is not None
        try:
            urls = (re.search(r"(http://\S+)/graphql", line) for line in server.stderr)
            url = next(found[1] for found in urls if found)
            asking = threads.submit(ask, url)
            until(lambda: len(answered) > 200, "a pipe that is nearly full")
            ids = (json.loads(line)["requestId"] for line in server.stderr)
            logged = (name for name in ids if name is not None)
            assert [next(logged) for _ in expected] == expected
            asking.result(PATIENCE)
            assert answered == expected
        finally:
            server.terminate()
            server.communicate(timeout=PATIENCE)
