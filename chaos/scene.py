"""What every experiment has: the home, processes for its clients, and a bar that moves on."""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import ParamSpec, TypeVar

from chaos.environment import Home, home

P = ParamSpec("P")
T = TypeVar("T")
CREWS = 3
"""Processes with clients, at most: who is slow on purpose does not disturb who measures."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an experiment takes place."""

    home: Home
    crews: ProcessPoolExecutor
    progress: Callable[[float], None]
    """Takes what part of the experiment is over by now."""

    def have(self, job: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> "Future[T]":
        """Let clients work in a process of their own."""
        return self.crews.submit(job, *arguments, **options)

    def steps(self, number: int) -> Iterator[int]:
        """So many steps of equal length, of which the bar shows each."""
        for step in range(number):
            yield step
            self.progress((step + 1) / number)

    def let_pass(self, seconds: float) -> None:
        """Wait, and have the bar move meanwhile."""
        for _ in self.steps(max(1, round(seconds))):
            time.sleep(seconds / max(1, round(seconds)))


@contextmanager
def scene(progress: Callable[[float], None]) -> Iterator[Scene]:
    """A home with nobody in it yet."""
    spawn = multiprocessing.get_context("spawn")
    with home() as own, ProcessPoolExecutor(CREWS, spawn, ignore_interrupts) as crews:
        # They take a second to come, and are to be there when something happens.
        for crew in [crews.submit(import_clients) for _ in range(CREWS)]:
            crew.result()
        yield Scene(own, crews, progress)


def ignore_interrupts() -> None:
    """Ctrl-C is for who has sent them: their jobs end by themselves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def import_clients() -> None:
    """What every job needs."""
    for name in ("kills", "shutdown", "stalls", "overload", "isolation"):
        import_module(f"chaos.{name}")
    time.sleep(0.5)  # so that no other job goes to the same process
