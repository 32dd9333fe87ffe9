"""The fold of all events of each stream equals the user's tasks, after any writes and failures."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from pydantic import SecretStr
from sqlalchemy import text

from chaos.environment import User
from chaos.live.clients import LiveClients, LiveStream
from chaos.live.sockets import SocketStream
from tests.support.administrators import administering
from tests.support.api_client import Person
from tests.support.commands import PATIENCE
from tests.support.data_files import send
from tests.support.servers import migrated_database, serving, settings_for
from tests.support.unreliable_channel import UnreliableChannel
from todo_graphql.server.live import hint_channel, limits
from todo_graphql.server.live.channels import create_channel
from todo_graphql.server.live.hub import Hub
from todo_graphql.settings.settings import Settings
from todo_graphql.store.maintenance import purge

ROWS = text("SELECT id::text, revision, title FROM tasks WHERE user_id = :user")
TERMINATE = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND query LIKE :query"
)
ANY, LISTEN = "%", "%todo_graphql_hints%"
RETITLE = """mutation ($title: String!) {
    updateTasks(filter: {completed: false}, atMost: 500, input: {title: $title}) { count }
}"""
COMPLETE = "mutation ($id: ID!) { completeTask(id: $id) { revision } }"
PURGE = "mutation ($id: ID!) { purgeTask(id: $id) { revision } }"
DELETE = "mutation ($id: ID!) { deleteTask(id: $id) { revision } }"
DELETE_ACCOUNT = "mutation ($me: String!) { deleteAccount(confirm: $me) { userId } }"
CREATE = """mutation ($new: [CreateTaskInput!]!) { createTasks(input: $new) { count } }"""
PUSH = "mutation ($rows: [PushTaskInput!]!) { pushTasks(rows: $rows) { revision } }"
PROCESSES = st.integers(0, 1)


class Live(RuleBasedStateMachine):
    """Writes of one user by two processes, with two streams on each.

    One stream sends server-sent events, the other one uses a WebSocket. A write may fail during an
    outage: the table alone tells what it has done.
    """

    url: ClassVar[SecretStr]
    settings: ClassVar[Settings]
    servers: ClassVar[list[str]]
    silent: ClassVar[set[str]]
    """The users whose hints are lost before they leave their process."""

    def __init__(self) -> None:
        super().__init__()
        self.person = Person(self.servers[0], self.settings)
        user = User(self.person.id, self.person.token)
        ports = [int(url.rpartition(":")[2]) for url in self.servers]
        self.clients = [LiveClients(port, [user], [LiveStream, SocketStream]) for port in ports]

    @initialize()
    def open_streams(self) -> None:
        self.create(0, 3)
        for clients in self.clients:
            clients.start()

    def write(self, process: int, document: str, **variables: Any) -> None:
        """Send a write to a process."""
        person = Person.__new__(Person)
        person.__dict__ = {**self.person.__dict__, "_url": self.servers[process]}
        person.post(document, **variables)

    def table(self) -> dict[str, tuple[int, str]]:
        with administering(self.url) as admin:
            rows = admin.execute(ROWS, {"user": self.person.id})
            return {task_id: (revision, title) for task_id, revision, title in rows}

    @rule(process=PROCESSES, number=st.integers(1, 3))
    def create(self, process: int, number: int) -> None:
        self.write(process, CREATE, new=[{"title": "new"}] * number)

    @rule(process=PROCESSES, title=st.sampled_from(["a", "b"]))
    def retitle_all(self, process: int, title: str) -> None:
        self.write(process, RETITLE, title=title)

    @rule(
        process=PROCESSES,
        place=st.integers(0, 10),
        document=st.sampled_from([COMPLETE, DELETE, PURGE]),
    )
    def change_one(self, process: int, place: int, document: str) -> None:
        ids = sorted(self.table())
        if ids:
            self.write(process, document, id=ids[place % len(ids)])

    @rule(process=PROCESSES, place=st.integers(0, 10), is_purged=st.booleans())
    def push(self, process: int, place: int, is_purged: bool) -> None:
        """Push a new task, and an edit or the removal of another one."""
        ids = [str(uuid.uuid4()), *sorted(self.table())]
        edited = {"id": ids[place % len(ids)], "title": "pushed", "purged": is_purged}
        rows = [{"id": ids[0], "title": "new offline"}, edited]
        rows = rows[: 1 + (edited["id"] != ids[0])]
        self.write(process, PUSH, rows=[{"task": row} for row in rows])

    @rule(number=st.integers(1, 5))
    def import_some(self, number: int) -> None:
        rows = ",".join(f'{{"title": "imported", "id": "{uuid.uuid4()}"}}' for _ in range(number))
        send(self.person, f"[{rows}]")

    @rule()
    def write_at_once(self) -> None:
        """Write by both processes at the same time."""
        with ThreadPoolExecutor(4) as threads:
            for number in range(8):
                document = {"title": f"at once {number}"}
                threads.submit(self.write, number % 2, CREATE, new=[document])

    @rule(process=PROCESSES)
    def begin_another_life(self, process: int) -> None:
        self.write(process, DELETE_ACCOUNT, me=self.person.id)
        self.create(process, 2)

    @rule()
    def purge_by_command(self) -> None:
        """Purge the trash in a process without streams, which sends no hints."""
        list(purge.purge(settings_for(self.url, trash_days=0)))

    @rule(process=PROCESSES)
    def die_before_the_hint(self, process: int) -> None:
        """Write by a process that is killed between the commit and its hint."""
        self.silent.add(self.person.id)
        self.create(process, 1)
        self.silent.clear()

    @rule(query=st.sampled_from([ANY, LISTEN]))
    def kill_connections(self, query: str) -> None:
        with administering(self.url) as admin:
            admin.execute(TERMINATE, {"query": query})

    @rule(process=PROCESSES, place=st.integers(0, 1))
    def cut_a_stream(self, process: int, place: int) -> None:
        """Cut a stream, which subscribes again from its cursor."""
        connection = self.clients[process].streams[place].connection
        if connection is not None:
            connection.cut()

    @rule()
    def compare(self) -> None:
        """Wait until all streams equal the table."""
        expected, deadline = self.table(), time.monotonic() + PATIENCE
        streams = [stream for clients in self.clients for stream in clients.streams]
        while any(stream.tasks != expected for stream in streams):
            assert time.monotonic() < deadline, (expected, [stream.tasks for stream in streams])
            time.sleep(0.02)

    def teardown(self) -> None:
        try:
            self.compare()
        finally:
            for clients in self.clients:
                clients.stop()


@pytest.fixture(scope="module")
def machine(postgresql: SecretStr) -> Iterator[type[Live]]:
    """The machine on a separate database, with two processes and unreliable hints between them."""
    publish = Hub.publish
    with (
        migrated_database(postgresql) as url,
        pytest.MonkeyPatch.context() as patch,
        ExitStack() as servers,
    ):
        Live.url, Live.settings, Live.silent = url, settings_for(url, live_url=url), set()
        patch.setattr(limits, "CHECK_SECONDS", 0.3)
        patch.setattr(limits, "EVENT_SECONDS", 0.01)
        patch.setattr(limits, "MIN_PAUSE_SECONDS", 0.02)
        patch.setattr(hint_channel, "RECONNECT_SECONDS", 0.05)
        patch.setattr(
            "todo_graphql.server.app.create_channel",
            lambda given: UnreliableChannel(create_channel(given)),
        )
        patch.setattr(Hub, "publish", lambda hub, user: user in Live.silent or publish(hub, user))
        Live.servers = [servers.enter_context(serving(Live.settings)) for _ in range(2)]
        yield Live


@pytest.mark.no_cover
def test_fold_of_events_equals_tasks(machine: type[Live]) -> None:
    case = machine.TestCase
    case.settings = settings(
        max_examples=20,
        stateful_step_count=15,
        deadline=None,
        phases=(Phase.generate,),  # a failure depends on times, so that it cannot be shrunk
        suppress_health_check=list(HealthCheck),
    )
    case("runTest").runTest()
