"""The server is asked to stop, while there is much to do."""

import time

from chaos.clients import Answer
from chaos.history import Write, answers_in, write_for, writers
from chaos.kills import CROWD, intact
from chaos.readers import ask_for, read_for
from chaos.report import Check, none, within
from chaos.scene import Scene
from chaos.stalls import CREATE, let_tasks_sleep
from todo_graphql.runtime.uvicorn_server import GRACE

LONG = 3.0
"""Seconds that the longest of what is on its way takes: well within the grace."""


def stop(scene: Scene, rounds: int, crowd: int = CROWD) -> list[Check]:
    """By SIGTERM: one process, and a parent with two, in turn."""
    home, exits, codes = scene.home, list[float](), list[int]()
    answers, ledger = list[Answer](), list[Write]()
    let_tasks_sleep(home)
    for number in scene.steps(rounds):
        options = ("--workers", "2") if number % 2 else ()
        with home.serving(*options) as server:
            seconds = 2.0
            reading = scene.have(read_for, server.port, home.people(crowd // 2), seconds)
            writing = scene.have(write_for, server.port, writers(home, crowd // 2), seconds, 1)
            sleeping = scene.have(
                ask_for, server.port, home.people(4), 0, CREATE, title=f"sleep {LONG}"
            )
            time.sleep(seconds / 2)
            asked = time.monotonic()
            server.terminate()
            codes.append(server.wait())
            exits.append(time.monotonic() - asked)
            answers += [*reading.result(), *sleeping.result()]
            ledger += writing.result()
    sent = [one for one in [*answers, *answers_in(ledger)] if one.is_answered or one.is_reset]
    cut = [one for one in sent if one.is_reset]
    seen = f"{len(cut)} of {len(sent):,} requests, {rounds} stops"
    slept = sum(one.seconds > LONG and one.outcome == "ok" for one in answers)
    return [
        Check("0 requests on their way are cut off", seen, not cut),
        Check(
            f"what takes {LONG:g} s more is finished",
            f"{slept} of {4 * rounds}",
            slept == 4 * rounds,
            steady=False,
        ),
        within(GRACE + 1, exits, "exit"),
        none(sum(code != 0 for code in codes), "exit codes other than 0"),
        *intact(scene, [one for one in ledger if one.outcome != "unknown"]),
    ]
