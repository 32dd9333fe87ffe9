"""Turns of imports: their order, and the end of an aborted import."""

import sys
import threading
import uuid
from functools import partial

import pytest

from tests.support.commands import until
from todo_graphql.errors import TOO_LATE, Unavailable
from todo_graphql.server.endpoints.import_turns import SWITCH_SECONDS, ImportTurns
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.engine import Database


def has_waiting(turns: ImportTurns, number: int) -> bool:
    return turns.waiting == number


def test_turns_are_taken_in_order(database: Database) -> None:
    turns, order = ImportTurns(), list[int]()
    turn = turns.turn(database.connect_as(Viewer(uuid.uuid4())))

    def take(number: int) -> None:
        with turns.turn(database.connect_as(Viewer(uuid.uuid4()))):
            order.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(5)]
    with turn:
        for number, thread in enumerate(threads):
            thread.start()
            until(partial(has_waiting, turns, number + 1), "a waiting thread")
        assert order == []
    for thread in threads:
        thread.join()
    assert (order, turns.waiting) == ([*range(5)], 0)
    with turn:
        assert turns.waiting == 0


def test_turn_shortens_the_switch_interval_until_its_end(database: Database) -> None:
    usual = sys.getswitchinterval()
    with (
        pytest.raises(ZeroDivisionError),
        ImportTurns().turn(database.connect_as(Viewer(uuid.uuid4()))),
    ):
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
        _ = 1 / 0
    assert sys.getswitchinterval() == usual


def test_check_raises_after_an_abort(database: Database) -> None:
    connection = database.connect_as(Viewer(uuid.uuid4()))
    turn = ImportTurns().turn(connection)
    with turn:
        turn.check()
        connection.abort()
        with pytest.raises(Unavailable, match=TOO_LATE):
            turn.check()


def test_abort_ends_the_wait_for_a_turn(database: Database) -> None:
    turns, errors = ImportTurns(), list[Unavailable]()
    connection = database.connect_as(Viewer(uuid.uuid4()))

    def take() -> None:
        try:
            with turns.turn(connection):
                pass
        except Unavailable as error:
            errors.append(error)

    thread = threading.Thread(target=take, daemon=True)
    with turns.turn(database.connect_as(Viewer(uuid.uuid4()))):
        thread.start()
        until(partial(has_waiting, turns, 1), "a waiting thread")
        connection.abort()
        until(lambda: not thread.is_alive(), "the end of the wait")
        assert turns.waiting == 0
    assert [error.message for error in errors] == [TOO_LATE]
    with turns.turn(database.connect_as(Viewer(uuid.uuid4()))):
        assert turns.waiting == 0


def test_turn_that_arrives_with_an_abort_is_passed_on(database: Database) -> None:
    turns = ImportTurns()
    turn = turns.turn(database.connect_as(Viewer(uuid.uuid4())))
    with turn:
        pass
    turns.take(turn._connection)
    turns._leave(threading.Lock())
    with turn:
        assert turns.waiting == 0
