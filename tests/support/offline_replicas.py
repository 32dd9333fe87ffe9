"""Clients that edit their tasks offline, push the edits and pull changes, as RxDB does.

An accepted row is the client's new base, and a conflict replaces the client's task.
"""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.sync.changes import Change
from todo_graphql.store.sync.cursor import SyncCursor
from todo_graphql.store.sync.merge import Values
from todo_graphql.store.sync.outcomes import PushedTask
from todo_graphql.store.sync.push import PushResult
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import TaskRow
from todo_graphql.store.text.tags import tag_key

FIELDS = ("title", "priority", "tags")


class Edit(NamedTuple):
    """State of a task before the first and after the last edit since the push.

    A state without a task is None.
    """

    base: Values | None
    new: Values | None


def state_of(task: TaskRow | None) -> Values | None:
    """Return what a replica keeps of a task."""
    if task is None:
        return None
    return {name: getattr(task, name) for name in FIELDS} | {"trashed": task.deleted_at is not None}


class OfflineReplica:
    """Client with a copy of all tasks, and the edits that it has not pushed."""

    def __init__(self) -> None:
        self.cursor: str | None = None
        self.revision = 0
        self.tasks: dict[str, Values] = {}
        self.edits: dict[str, Edit] = {}

    def edit(self, task_id: str, new: Values | None) -> None:
        """Change or remove a task, or create it."""
        base = self.tasks.get(task_id)
        first = self.edits.get(task_id, Edit(base, None)).base
        self.edits[task_id] = Edit(first, new)
        self._set(task_id, new)

    def _set(self, task_id: str, state: Values | None) -> None:
        if state is None:
            self.tasks.pop(task_id, None)
        else:
            self.tasks[task_id] = state

    def push(self, tasks: Tasks, times: int) -> None:
        """Push all edits, so many times.

        Assert that no edit is lost, and that a repetition changes nothing.
        """
        rows = [_row(task_id, edit) for task_id, edit in self.edits.items()]
        if not rows:
            return
        if self.revision == 0:  # its cursor is valid in each life of the user, as for no tasks
            self.cursor = None
        before = {key: state_of(tasks.find(uuid.UUID(key))) for key in self.edits}
        results = [tasks.push(rows) for _ in range(times)]
        assert len({result.revision for result in results}) == 1
        self._settle(tasks, before, results[-1])

    def _settle(
        self, tasks: Tasks, before: Mapping[str, Values | None], result: PushResult
    ) -> None:
        assert result.rejected == []
        conflicts = {change.id: change for change in result.conflicts}
        for task_id, edit in self.edits.items():
            now = tasks.find(uuid.UUID(task_id))
            assert_kept(edit, before[task_id], state_of(now))
            if task_id in conflicts:
                assert now == conflicts[task_id].task
                self._set(task_id, state_of(now))
            else:
                assert_stored(edit, state_of(now))
        self.edits = {}

    def pull(self, tasks: Tasks) -> None:
        """Read all changes. A task with an edit waits for the push.

        The first page without a cursor has no tombstones, so that it replaces the tasks like a
        reset.
        """
        has_more = True
        while has_more:
            since = None if self.cursor is None else SyncCursor.decode(self.cursor, "since")
            page = tasks.changes(since, 2)
            if page.reset or since is None:
                self.tasks = {key: self.tasks[key] for key in self.edits if key in self.tasks}
            for change in page.changes:
                self._apply(change)
            self.cursor, self.revision, has_more = page.cursor, page.revision, page.has_more

    def _apply(self, change: Change) -> None:
        if change.id not in self.edits:
            self._set(change.id, state_of(change.task))


def _row(task_id: str, edit: Edit) -> PushedTask:
    own_id, base, new = uuid.UUID(task_id), edit.base, edit.new
    if new is None:
        return PushedTask(own_id, "rows.0", None, {}, {}, purges=True)
    changed = new if base is None else {n: value for n, value in new.items() if value != base[n]}
    return PushedTask(own_id, "rows.0", base, changed, new)


def assert_kept(edit: Edit, before: Values | None, now: Values | None) -> None:
    """Assert that the push has kept what others have edited since the base of the client."""
    if edit.new is None or before is None or now is None:
        return
    for name, value in before.items():
        if edit.base is None or value != edit.base[name]:
            assert (name == "tags" and edit.base is not None) or now[name] == value


def assert_stored(edit: Edit, now: Values | None) -> None:
    """Assert that the server has the edits, or nothing of a task that the client removed."""
    if edit.new is None or now is None:
        assert now is None
        assert edit.new is None or edit.new["trashed"]
        return
    for name, value in edit.new.items():
        begun: Any = None if edit.base is None else edit.base[name]
        if name != "tags" or begun is None:
            assert value in (begun, now[name])
            continue
        mine, base, present = (set(map(tag_key, tags)) for tags in (value, begun, now[name]))
        assert mine - base <= present
        assert not (base - mine) & present


OFFLINE = st.sampled_from([0, 1])


class OfflineRules(RuleBasedStateMachine):
    """Two offline replicas of a user, which edit, push and pull in any order."""

    database: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        self.viewer = Viewer(uuid.uuid4())
        self.offline = [OfflineReplica() for _ in range(2)]

    def connect(self) -> ViewerConnection:
        return self.database.connect_as(self.viewer)

    @rule(
        replica=OFFLINE,
        place=st.integers(0, 5),
        edits=st.fixed_dictionaries(
            {},
            optional={
                "title": st.sampled_from(["a", "mine"]),
                "priority": st.integers(0, 2),
                "tags": st.lists(st.sampled_from(["a", "b", "c"]), unique=True),
                "trashed": st.booleans(),
            },
        ),
    )
    def edit_offline(self, replica: int, place: int, edits: dict[str, Any]) -> None:
        own = self.offline[replica]
        if own.tasks:
            task_id = sorted(own.tasks)[place % len(own.tasks)]
            own.edit(task_id, {**own.tasks[task_id], **edits})

    @rule(replica=OFFLINE, task_id=st.integers(1, 5))
    def create_offline(self, replica: int, task_id: int) -> None:
        """Create a task whose id the other replica can use as well."""
        key = str(uuid.UUID(int=task_id))
        if key not in self.offline[replica].tasks:
            new = {"title": f"by {replica}", "priority": 0, "tags": ["new"], "trashed": False}
            self.offline[replica].edit(key, new)

    @rule(replica=OFFLINE, place=st.integers(0, 5))
    def purge_offline(self, replica: int, place: int) -> None:
        own = self.offline[replica]
        if own.tasks:
            own.edit(sorted(own.tasks)[place % len(own.tasks)], None)

    @rule(replica=OFFLINE, times=st.integers(1, 2))
    def push(self, replica: int, times: int) -> None:
        """Push all edits, again if the first response is lost."""
        with self.connect() as connection:
            self.offline[replica].push(Tasks(connection), times)

    @rule(replica=OFFLINE)
    def pull(self, replica: int) -> None:
        with self.connect() as connection:
            self.offline[replica].pull(Tasks(connection))

    def synchronize(self) -> None:
        """Push all edits of all replicas, and then pull."""
        for replica in range(len(self.offline)):
            self.push(replica, 1)
        for replica in range(len(self.offline)):
            self.pull(replica)
