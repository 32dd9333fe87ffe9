"""How the log is written: some lines at a time, and nobody waits for whoever reads them."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TextIO

import pytest

from tests.commands import until
from todo_graphql.server import batches
from todo_graphql.server.batches import BatchHandler

PROGRAM = """
import logging
from todo_graphql.server.batches import BatchHandler
logging.basicConfig(level=logging.INFO, handlers=[BatchHandler()])
for number in range(3):
    logging.info("line %d", number)
"""


class Pipe:
    """What a handler writes, for whoever reads it, and when."""

    def __init__(self) -> None:
        self.exit, entrance = os.pipe()
        os.set_blocking(self.exit, False)
        self.entrance: TextIO = os.fdopen(entrance, "w")
        self.read = ""

    def lines(self) -> list[str]:
        """All so far."""
        with suppress(BlockingIOError):
            while piece := os.read(self.exit, 65_536):
                self.read += piece.decode()
        return self.read.splitlines()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    os.close(pipe.exit)
    with suppress(BrokenPipeError):
        pipe.entrance.close()


@pytest.fixture
def log(pipe: Pipe) -> logging.Logger:
    """One that nobody else listens to."""
    handler = BatchHandler()
    handler.setStream(pipe.entrance)
    logger = logging.Logger("own", logging.INFO)  # noqa: LOG001 - not even pytest
    logger.addHandler(handler)
    return logger


def test_lines_come_soon_and_in_their_order(log: logging.Logger, pipe: Pipe) -> None:
    expected = [f"line {number}" for number in range(1_000)]
    for line in expected[:500]:
        log.info(line)
    until(lambda: pipe.lines() == expected[:500], "the first lines")
    for line in expected[500:]:
        log.info(line)
    until(lambda: pipe.lines() == expected, "the others")


def test_a_warning_comes_at_once_with_all_before_it(
    log: logging.Logger, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PAUSE", 3_600)
    log.info("before")
    assert pipe.lines() == []
    log.warning("it is so")
    assert pipe.lines() == ["before", "it is so"]


def test_nobody_waits_for_whoever_reads(log: logging.Logger, pipe: Pipe) -> None:
    """Not even when the pipe is full, which holds less than these."""
    written = threading.Event()

    def write() -> None:
        for number in range(2_000):
            log.info("%d %s", number, "x" * 100)
        written.set()

    threading.Thread(target=write, daemon=True).start()
    assert written.wait(30)
    until(lambda: len(pipe.lines()) == 2_000, "all lines")


def test_the_oldest_make_room(
    log: logging.Logger, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PAUSE", 3_600)
    for number in range(batches.MOST_LINES + 10):
        log.info("%d", number)
    (handler,) = log.handlers
    assert isinstance(handler, BatchHandler)
    assert len(handler._lines) == batches.MOST_LINES
    assert handler._lines[0] == "10\n"


def test_what_is_left_is_written_at_the_end() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stderr.splitlines() == [f"INFO:root:line {number}" for number in range(3)]


def test_a_line_that_cannot_be_made_is_told_of(
    log: logging.Logger, pipe: Pipe, capsys: pytest.CaptureFixture[str]
) -> None:
    log.info("%d", "no number")
    log.warning("the next one")
    assert pipe.lines() == ["the next one"]
    assert "--- Logging error ---" in capsys.readouterr().err
