"""Something stands still: PostgreSQL, a query, one user's rows, the pool."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from chaos.clients import Answer, untyped
from chaos.environment import Home, Person
from chaos.history import answers_in, write_for, writers
from chaos.kills import CROWD, intact
from chaos.readers import ask_for, furnish, p99, read_for
from chaos.report import Check, none, within
from chaos.scene import Scene
from tests.support.postgres import frozen
from todo_graphql.settings.settings import Settings

TIMEOUT: float = Settings.model_fields["request_timeout"].default
POOL: int = Settings.model_fields["database_pool_size"].default
ALLOWANCE = 0.5
"""Seconds that an answer may take longer, because clients and server share two cores."""

NORMAL = 2.0
"""Seconds until everything is as it was."""

RATIO = 2.0
"""How many times as long as before it may take others."""

PAUSE = 0.05
"""Seconds for which a reader rests who is to measure how long others take, not to hinder them."""

NEIGHBOURS = 8
"""How many ask for pages, where somebody else is held up."""

CREATE = "mutation ($title: String!) { createTask(input: {title: $title}) { task { id } } }"
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'todo-graphql'"
SLEEPER = """
CREATE OR REPLACE FUNCTION sleeps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(substr(NEW.title, 7)::float);
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER sleeps BEFORE INSERT ON tasks FOR EACH ROW
    WHEN (NEW.title ~ '^sleep [0-9]') EXECUTE FUNCTION sleeps()
"""


def let_tasks_sleep(home: Home) -> None:
    """From now on the insertion of a task of the title "sleep 30" takes so many seconds."""
    home.query(SLEEPER)


def freeze(scene: Scene, seconds: int, crowd: int = CROWD) -> list[Check]:
    """Readers and writers go on asking, and afterwards all is well by itself."""
    home = scene.home
    with home.serving() as server, home.administrator() as admin, admin.cursor() as cursor:
        lasting = 2 + seconds + 4
        reading = scene.have(read_for, server.port, home.people(crowd // 2), lasting)
        writing = scene.have(write_for, server.port, writers(home, crowd // 2), lasting)
        time.sleep(2)
        with frozen(home.postgres):
            began = time.monotonic()
            scene.let_pass(seconds)
        resumed, counts = time.monotonic(), list[tuple[float, int]]()
        while time.monotonic() < resumed + 3:
            cursor.execute(CONNECTIONS)
            counts.append((time.monotonic() - resumed, (cursor.fetchone() or (0,))[0]))
        ledger = writing.result()
        answers = [*reading.result(), *answers_in(ledger)]
    meanwhile = sum(one.is_answered and began < one.began < resumed - TIMEOUT for one in answers)
    return [
        within(TIMEOUT + ALLOWANCE, [one.seconds for one in answers], "every answer"),
        none(sum(not one.is_answered for one in answers), "requests without an answer"),
        Check("clients ask meanwhile", f"{meanwhile} requests", meanwhile > 0),
        within(NORMAL, normal_after(resumed, answers), "normal again"),
        no_more_than_the_pool(counts),
        *intact(scene, ledger),
    ]


def no_more_than_the_pool(counts: Sequence[tuple[float, int]]) -> Check:
    """PostgreSQL learns only when it goes on who has hung up meanwhile, and has taken their
    successors by then: that is over when everything is normal again.
    """
    last = max((moment for moment, number in counts if number > POOL), default=0.0)
    most = max(number for _, number in counts)
    seen = f"{counts[-1][1]}; in between {most}, until {last:.2f} s after"
    return Check(f"connections ≤ {POOL}, the pool, after {NORMAL:g} s", seen, last <= NORMAL)


def normal_after(moment: float, answers: Sequence[Answer]) -> list[float]:
    """When the last bad answer came, and when the first good one, counted from a moment."""
    late = [one for one in answers if one.ended > moment]
    good = [one.ended for one in late if one.outcome == "ok"]
    bad = [one.ended for one in late if one.outcome != "ok"]
    return [max([min(good), *bad]) - moment] if good else []


def sleep(scene: Scene, seconds: int) -> list[Check]:
    """One query after the other that would take thirty seconds."""
    let_tasks_sleep(scene.home)
    sleeper = scene.home.people(1)
    return beside(scene, seconds, sleeper, nullcontext(), "sleep 30")


def lock(scene: Scene, seconds: int, crowd: int) -> list[Check]:
    """Somebody else holds a lock on a user's row, and that user writes on, so many at once."""
    (one,) = scene.home.people(1)
    held = locked(scene.home, one)
    return beside(scene, seconds, [one] * crowd, held, "waits for the lock")


@contextmanager
def locked(home: Home, person: Person) -> Iterator[None]:
    """Nobody else can write for this user."""
    home.query("INSERT INTO users (id) VALUES (%s)", person.id)
    with home.administrator() as admin, admin.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT FROM users WHERE id = %s FOR UPDATE", (person.id,))
        yield


def beside(
    scene: Scene,
    seconds: int,
    troubled: Sequence[Person],
    outage: AbstractContextManager[None],
    title: str,
) -> list[Check]:
    """How those fare who are troubled, and those who are not."""
    with scene.home.serving() as server:
        others = scene.home.people(NEIGHBOURS, "neighbour")
        scene.have(furnish, server.port, others).result()
        scene.have(read_for, server.port, others, 1.0).result()
        before = scene.have(read_for, server.port, others, seconds / 2, PAUSE).result()
        with outage:
            insisting = seconds - TIMEOUT
            theirs = scene.have(
                ask_for, server.port, troubled, insisting, CREATE, pause=PAUSE, title=title
            )
            during = scene.have(read_for, server.port, others, seconds, PAUSE)
            scene.let_pass(seconds)
            answers = theirs.result()
        after = during.result()
    return [
        none(sum(one.outcome == "ok" for one in answers), "successes of who is held up"),
        within(TIMEOUT + ALLOWANCE, [one.seconds for one in answers], "their errors"),
        none(untyped([*answers, *after]), "errors without a code of ours"),
        none(sum(one.outcome != "ok" for one in after), "errors of others"),
        slowed(before, after, "others'"),
    ]


def slowed(before: Sequence[Answer], during: Sequence[Answer], whose: str) -> Check:
    """Whether it takes them not much longer than before."""
    then, now = p99(before), p99(during)
    seen = f"{now * 1e3:.1f} ms, before {then * 1e3:.1f} ms: {now / then:.2f} times"
    held = bool(during) and now <= RATIO * then
    return Check(f"{whose} p99 ≤ {RATIO:g} times that of before", seen, held, steady=False)
