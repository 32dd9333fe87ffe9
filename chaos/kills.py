"""Something dies, while many write: a worker, the server, PostgreSQL, connections."""

import random
import time
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import psutil

from chaos.clients import untyped
from chaos.history import Write, answers_in, compare, first_success, write_for, writers
from chaos.readers import read_for
from chaos.report import Check, none, within
from chaos.scene import Scene
from chaos.servers import Server, says_ready, until
from tests.support.postgres import kill

if TYPE_CHECKING:
    from concurrent.futures import Future

READY = 3.0
"""Seconds until a server that was killed is ready again."""

BACK = 2.0
"""Seconds until the first success after PostgreSQL is back."""

READS = 99.9
"""Per cent of reads that succeed while connections are ended."""

BEFORE, AFTER = 0.7, 1.5
"""Seconds for which everybody writes before a death, and after what follows it at the latest."""

CROWD = 32
"""How many write, where something dies."""

TERMINATE = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


def kill_worker(scene: Scene, rounds: int, crowd: int = CROWD) -> list[Check]:
    """Each time another one of two, chosen by chance."""
    ready, success, ledger = list[float](), list[float](), list[Write]()
    with scene.home.serving("--workers", "2") as server:
        until(lambda: len(server.workers()) == 2, "There are not two workers.")
        for _ in scene.steps(rounds):
            writing = begin_writing(scene, server, crowd, READY)
            before = server.workers()
            killed = time.monotonic()
            random.choice(before).kill()  # noqa: S311 - any of them
            ready.append(await_another(server, before) - killed)
            ledger += writing.result()
            first = first_success(ledger, killed)
            success += [] if first is None else [first - killed]
    return [
        *intact(scene, ledger),
        within(READY, success, "the server answers"),
        within(READY, ready, "another worker is ready"),
    ]


def await_another(server: Server, before: Sequence[psutil.Process]) -> float:
    """The moment at which a worker that was not there before says that it is ready."""

    def found() -> bool:
        return any(has_answered(server, new) for new in server.workers() if new not in before)

    until(found, "There is no other worker.")
    return time.monotonic()


def has_answered(server: Server, worker: psutil.Process) -> bool:
    """Whether it is this worker that says it is ready: the connection's other end is its own."""
    with closing(server.connection()) as connection:
        if not says_ready(connection):
            return False
        port = connection.sock.getsockname()[1]
        try:
            return (port,) in {tuple(c.raddr)[-1:] for c in worker.net_connections("tcp")}
        except psutil.NoSuchProcess:
            return False


def kill_server(scene: Scene, rounds: int, crowd: int = CROWD) -> list[Check]:
    """It is started again at once, as a supervisor would."""
    ready, ledger = list[float](), list[Write]()
    with scene.home.serving() as server:
        for _ in scene.steps(rounds):
            writing = begin_writing(scene, server, crowd, READY)
            killed = time.monotonic()
            server.kill()
            server.start()
            ready.append(server.await_ready() - killed)
            ledger += writing.result()
    return [*intact(scene, ledger), within(READY, ready, "ready again")]


def kill_postgres(scene: Scene, rounds: int, crowd: int = CROWD) -> list[Check]:
    """The postmaster and all of its children. Who was there before is there afterwards."""
    success, ledger = list[float](), list[Write]()
    with scene.home.serving() as server:
        family = server.family()
        for _ in scene.steps(rounds):
            writing = begin_writing(scene, server, crowd, 2 * BACK)
            kill(scene.home.postgres)
            scene.home.postgres.start()
            scene.home.query("SELECT")
            back = time.monotonic()
            written = writing.result()
            first = first_success(written, back)
            success += [] if first is None else [first - back]
            ledger += written
        same = server.family() == family
    return [
        *intact(scene, ledger),
        within(BACK, success if len(success) == rounds else [], "first success after it is back"),
        Check("no restart of ours", "none" if same else "there was one", same),
    ]


def begin_writing(
    scene: Scene, server: Server, crowd: int, longest: float
) -> "Future[list[Write]]":
    """Have a crowd write, and wait until it does: a random while, so that the fault comes at any
    point of what they do.
    """
    seconds = BEFORE + longest + AFTER
    writing = scene.have(write_for, server.port, writers(scene.home, crowd), seconds)
    time.sleep(BEFORE + random.random() / 4)  # noqa: S311 - it guards nothing
    return writing


def intact(scene: Scene, ledger: Sequence[Write]) -> list[Check]:
    """What must hold of writes, whatever has died."""
    seen = compare(scene.home, ledger)
    numbers = f"of {seen.acknowledged:,} acknowledged, {seen.repeated:,} of them sent again"
    return [
        Check("0 acknowledged writes lost", f"{seen.lost} {numbers}", seen.lost == 0),
        none(seen.duplicates, "duplicates"),
        none(seen.undead, "writes there whose writers were told that nothing was done"),
        none(seen.unknown, "writes whose outcome stayed unknown"),
        none(untyped(answers_in(ledger)), "errors without a code of ours"),
    ]


def terminate_backends(scene: Scene, seconds: int, readers: int = 8, crowd: int = 8) -> list[Check]:
    """All connections to PostgreSQL, once in each second."""
    home, ended = scene.home, 0
    with home.serving() as server, home.administrator() as admin, admin.cursor() as cursor:
        reading = scene.have(read_for, server.port, home.people(readers), seconds)
        writing = scene.have(write_for, server.port, writers(home, crowd), seconds)
        for _ in scene.steps(seconds):
            time.sleep(1)
            cursor.execute(TERMINATE)
            ended += (cursor.fetchone() or (0,))[0]
        answers, ledger = reading.result(), writing.result()
    good = sum(answer.outcome == "ok" for answer in answers)
    share = 100 * good / max(1, len(answers))
    seen = f"{share:.3f} % of {len(answers):,}, {ended:,} connections ended"
    return [
        Check(f"≥ {READS} % of reads succeed", seen, share >= READS),
        none(untyped(answers), "errors of reads without a code of ours"),
        *intact(scene, ledger),
    ]
