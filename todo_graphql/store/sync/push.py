"""Push of a client's edits: one transaction, which takes at most one revision.

The tasks are read under the lock on the user's row and merged in Python. Then at most one statement
of each kind writes the changes (decision 0031).
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from todo_graphql.errors import BadUserInput
from todo_graphql.store.models import MAX_TOMBSTONES
from todo_graphql.store.postgres.statement_cache import StatementKey
from todo_graphql.store.quota import quota_error
from todo_graphql.store.statements import Statements
from todo_graphql.store.storage import ADVICE, read_usage, write_within_quota
from todo_graphql.store.sync.changes import Change, find_changes
from todo_graphql.store.sync.outcomes import Outcome, PushedTask, Rejection, columns_of, resolve
from todo_graphql.store.tasks.inserts import insert_missing_statement, insert_parameters
from todo_graphql.store.tasks.rows import NewTask, TaskRow
from todo_graphql.store.tasks.selections import TaskSelection
from todo_graphql.store.tasks.updates import mark_statement, purge_statement
from todo_graphql.store.tasks.values.new_values import NewValues, values_parameters
from todo_graphql.store.tasks.values.updates import set_values_statement
from todo_graphql.store.validation import UUID_TEXT
from todo_graphql.store.write_summary import Summary, parse_summary

PUSH_MAX = 100
"""The maximum number of rows. It bounds the result as well: the descriptions of so many tasks have
at most 6 MB in JSON.
"""

MAX_ID_CHARACTERS = 36
"""The characters of an id that are returned with the rejection of its row."""

NOTHING: frozenset[str] = frozenset()

Outcomes: TypeAlias = Sequence[Outcome | Rejection]


class RejectedRow(NamedTuple):
    """Rejected task in the output format, with the task as it is on the server, if there is one."""

    id: str
    code: str
    field: str | None
    reason: str | None
    message: str
    task: TaskRow | None


class PushResult(NamedTuple):
    """Result of a push: the user's revision, the tasks with a conflict, and the rejected rows."""

    revision: int
    conflicts: list[Change]
    rejected: list[RejectedRow]


def push(
    statements: Statements, rows: Sequence[PushedTask | Rejection], columns: frozenset[str]
) -> PushResult:
    """Merge edits of different tasks into the present tasks.

    The result has the tasks with a conflict, and those of rejected rows, as they are afterwards.
    """
    with statements.transaction():
        outcomes = _resolve_all(statements, rows)
        writer = RevisionWriter(statements)
        writer.purge([outcome.id for outcome in _accepted(outcomes) if outcome.purges])
        outcomes = _reject_beyond_quota(statements, outcomes)
        writer.write(list(_accepted(outcomes)))
        revision = writer.revision or statements.revision()
        return _result(statements, outcomes, revision, columns)


def _accepted(outcomes: Outcomes) -> Iterator[Outcome]:
    return (outcome for outcome in outcomes if isinstance(outcome, Outcome))


def _resolve_all(statements: Statements, rows: Sequence[PushedTask | Rejection]) -> Outcomes:
    pushed = [row for row in rows if isinstance(row, PushedTask)]
    found = find_changes(statements, [str(row.id) for row in pushed], columns_of(pushed))
    return [
        _resolve(row, found, statements.connection.viewer_id)
        if isinstance(row, PushedTask)
        else row
        for row in rows
    ]


def _resolve(
    pushed: PushedTask, found: Mapping[str, Change], viewer_id: str
) -> Outcome | Rejection:
    try:
        return resolve(pushed, found.get(str(pushed.id)), viewer_id)
    except BadUserInput as problem:
        return Rejection(str(pushed.id), problem)


def _reject_beyond_quota(statements: Statements, outcomes: Outcomes) -> Outcomes:
    """Reject the outcomes that need more storage than those before them have left.

    Those that release storage come first.
    """
    if not any(outcome.bytes > 0 for outcome in _accepted(outcomes)):
        return outcomes
    usage = read_usage(statements)
    tasks, size = usage.tasks, usage.bytes
    size += sum(min(outcome.bytes, 0) for outcome in _accepted(outcomes))
    limits, kept = statements.connection.quota._asdict(), list[Outcome | Rejection]()
    for outcome in outcomes:
        if isinstance(outcome, Outcome) and outcome.bytes > 0:
            added = outcome.tasks, outcome.bytes
            error = quota_error(limits, (tasks, size), added, ADVICE)
            if error is not None:
                kept.append(Rejection(str(outcome.id), error))
                continue
            tasks, size = tasks + outcome.tasks, size + outcome.bytes
        kept.append(outcome)
    return kept


class RevisionWriter:
    """Runner of the write statements of one transaction.

    The first one that changes tasks takes the revision, and the others share it.
    """

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self.revision: int | None = None

    @property
    def _is_first(self) -> bool:
        return self.revision is None

    def purge(self, ids: Sequence[uuid.UUID]) -> None:
        """Delete tasks permanently. It must be the first write."""
        if ids:
            selection, values = TaskSelection(ids=tuple(ids)).split()
            values["max_tombstones"] = MAX_TOMBSTONES
            self._run(purge_statement(selection), values)

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Edit and create tasks, and then move them to the trash or restore them."""
        self._set_values([NewValues(one.id, one.columns) for one in outcomes if one.columns])
        self._create([one.created for one in outcomes if one.created is not None])
        for trashed in (True, False):
            self._mark([one.id for one in outcomes if one.trashed is trashed], clears=not trashed)

    def _set_values(self, new: Sequence[NewValues]) -> None:
        if new:
            _, values = TaskSelection(ids=tuple(one.id for one in new)).split()
            statement = set_values_statement(NOTHING, NOTHING, first=self._is_first)
            self._run(statement, values | values_parameters(new))

    def _create(self, new: Sequence[NewTask]) -> None:
        if new:
            self._run(insert_missing_statement(first=self._is_first), insert_parameters(new))

    def _mark(self, ids: Sequence[uuid.UUID], *, clears: bool) -> None:
        if ids:
            selection, values = TaskSelection(ids=tuple(ids)).split()
            statement = mark_statement(
                selection, "deleted_at", NOTHING, NOTHING, clears=clears, first=self._is_first
            )
            self._run(statement, values)

    def _run(self, statement: StatementKey, values: Mapping[str, Any]) -> None:
        summary = write_within_quota(self._statements, statement, values, _parse_first)
        if summary.changed:
            self.revision = summary.revision


def _parse_first(result: Sequence[Sequence[Any]]) -> Summary:
    return parse_summary(result[0])


def _result(
    statements: Statements, outcomes: Outcomes, revision: int, columns: frozenset[str]
) -> PushResult:
    """Read the tasks with a conflict and those of rejected rows."""
    conflicts = [str(one.id) for one in _accepted(outcomes) if one.is_conflict]
    rejected = [one for one in outcomes if isinstance(one, Rejection)]
    named = [one.task_id for one in rejected if UUID_TEXT.fullmatch(one.task_id)]
    found = find_changes(statements, [*conflicts, *named], columns)
    return PushResult(
        revision,
        [found.get(task_id) or Change(task_id, revision, None) for task_id in conflicts],
        [_rejected_row(one, found.get(one.task_id.lower())) for one in rejected],
    )


def _rejected_row(rejection: Rejection, found: Change | None) -> RejectedRow:
    problem = rejection.problem
    extensions: Mapping[str, Any] = problem.extensions
    return RejectedRow(
        rejection.task_id[:MAX_ID_CHARACTERS],
        problem.code.name,
        extensions.get("field"),
        extensions.get("reason"),
        problem.message,
        None if found is None else found.task,
    )
