"""Derived columns during an upgrade: servers of two releases, and the derivation of all tasks."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administering
from tests.support.servers import migrated_to, scratch_database, settings_for
from todo_graphql.errors import Conflict
from todo_graphql.store.maintenance.derivation import BATCH_TASKS
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import migrations
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.tasks.derived import derive
from todo_graphql.store.tasks.edits import Edits
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.selections import BULK_MAX, TaskSelection

MIA = Viewer(uuid.UUID(int=7), "mia@example.com")

# The statements of the release before, without what does not matter here.
EARLIER_CREATE = """
WITH me AS (
    INSERT INTO users (id, revision) VALUES (:me, 1)
    ON CONFLICT (id) DO UPDATE SET revision = users.revision + 1 RETURNING id, revision
)
INSERT INTO tasks (user_id, id, title, description, tags, due_on, revision, rank)
SELECT id, :id, :title, 'Öl 10', '{ΟΔΟΣ,Home}', '2026-02-01', revision, todo_rank(revision) FROM me
"""
EARLIER_UPDATE = "UPDATE tasks SET title = :title, revision = revision + 1 WHERE id = :id"

STORED = """
SELECT title, description, tags, title_key, title_order, description_key, tag_keys, words::text,
    words = cast(:words AS tsvector) AS has_words, due::text
FROM tasks WHERE id = :id
"""


@pytest.fixture
def expanded(postgresql: SecretStr) -> Iterator[SecretStr]:
    """Yield a database that servers of both releases use."""
    with scratch_database(postgresql) as url:
        migrated_to(url, migrations.EXPANDED)
        yield url


def is_derived(url: SecretStr, task_id: uuid.UUID) -> bool:
    """Return whether the derived columns are those of this release."""
    with administering(url) as admin:
        row = admin.execute(text(STORED), {"id": task_id, "words": ""}).mappings().one()
        derived = derive({name: row[name] for name in ("title", "description", "tags")})
        words = derived.pop("words")
        row = admin.execute(text(STORED), {"id": task_id, "words": words}).mappings().one()
    return bool(row["has_words"]) and all(row[name] == value for name, value in derived.items())


def create_as_earlier_release(url: SecretStr, title: str) -> uuid.UUID:
    task_id = uuid.uuid4()
    with administering(url) as admin:
        admin.execute(text(EARLIER_CREATE), {"me": MIA.id, "id": task_id, "title": title})
    return task_id


def test_migration_derives_existing_tasks(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url:
        migrated_to(url, "0004")
        task_ids = [create_as_earlier_release(url, f"Straße {n}") for n in range(BATCH_TASKS + 2)]
        migrated_to(url, migrations.EXPANDED)
        assert all(is_derived(url, task_id) for task_id in (task_ids[0], task_ids[-1]))


def test_ids_of_zeros_are_derived(postgresql: SecretStr) -> None:
    """A user and a task with the lowest UUID."""
    zero = uuid.UUID(int=0)
    with scratch_database(postgresql) as url:
        migrated_to(url, "0004")
        with administering(url) as admin:
            admin.execute(text(EARLIER_CREATE), {"me": zero, "id": zero, "title": "Straße"})
        migrated_to(url, migrations.EXPANDED)
        assert is_derived(url, zero)


def test_equal_tags_of_an_earlier_release_count_once(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url:
        migrated_to(url, "0004")
        task_id = create_as_earlier_release(url, "x")
        with administering(url) as admin:
            tags = "UPDATE tasks SET tags = '{Cafe,café,b}'"
            admin.execute(text(tags))
        migrated_to(url)
        database = Database(settings_for(url))
        with database.connect_as(MIA) as connection:
            tasks = Tasks(connection)
            assert [(count.tag, count.total) for count in tasks.tags()] == [("b", 1), ("Cafe", 1)]
            tasks.update(TaskSelection.one(task_id), Edits({}, add_tags=("CAFE",)))
            assert tasks.find(task_id).tags == ["Cafe", "b"]  # type: ignore[union-attr]
        database.close()


def test_statements_of_earlier_release_work_until_the_end(expanded: SecretStr) -> None:
    """Their tasks have all columns at once, and those of this release at the end."""
    task_id = create_as_earlier_release(expanded, "İstanbul 10")
    with administering(expanded) as admin:
        admin.execute(text(EARLIER_UPDATE), {"id": task_id, "title": "Wochen\u00adende 2"})
        row = admin.execute(text(STORED), {"id": task_id, "words": ""}).mappings().one()
    assert row["title_key"] == row["title_order"] == "wochen\u00adende 2"
    assert row["tag_keys"][1:] == ["home"]  # the first one depends on the locale
    assert row["due"].startswith("2026-02-01")
    assert not is_derived(expanded, task_id)
    assert migrations.upgrade(settings_for(expanded)) == migrations.EXPANDED
    assert migrations.upgrade(settings_for(expanded), finish=True) == migrations.head()
    assert is_derived(expanded, task_id)


def test_statements_of_this_release_fire_no_trigger(expanded: SecretStr) -> None:
    database = Database(settings_for(expanded))
    with database.connect_as(MIA) as connection:
        tasks = Tasks(connection)
        new = NewTask("Lesson \u0661\u0660", "Wochen\u00adende", tags=("ΟΔΟΣ",))
        first, second = (uuid.UUID(row.id) for row in tasks.create([new, new], ["", ""]).rows)
        assert is_derived(expanded, first)
        edits = Edits({"title": "Straße 7", "due_on": "2026-02-01"}, add_tags=("Ärger",))
        for task_id in (first, second):
            tasks.update(TaskSelection.one(task_id), edits)
            assert is_derived(expanded, task_id)
        # The keys and words remain the same. An earlier release has another key of the tag.
        for same in (Edits({"title": "STRASSE 7"}), Edits({"description": "WOCHEN\u00adENDE"})):
            tasks.update(TaskSelection.one(first), same)
            assert is_derived(expanded, first)
    database.close()


def test_new_columns_are_those_of_any_sequence_of_edits(database: Database, settings: Any) -> None:
    """Derived columns depend on the texts, not on the writes that have led to them."""
    url = settings.required_database_url()
    viewer = Viewer(uuid.uuid4())
    with database.connect_as(viewer) as connection:
        tasks = Tasks(connection)
        rows = tasks.create([NewTask(f"Task {n}", "東京 notes") for n in range(3)], ["x"] * 3).rows
        ids = [uuid.UUID(row.id) for row in rows]
        for edits in (
            Edits({"title": "Lesson 10"}),
            Edits({"tags": ["a", "B"]}),
            Edits({"description": None}),
            Edits({"description": "ÖL 10"}, add_tags=("c", "A")),
            Edits({"title": "x"}, remove_tags=("b",)),
            Edits({"title": "X"}),
            Edits({}, add_tags=("C",), remove_tags=("c",)),
        ):
            tasks.update(TaskSelection.one(ids[0]), edits)
            tasks.update(TaskSelection(ids=tuple(ids[1:])), edits)
            assert all(is_derived(url, task_id) for task_id in ids)


def test_repeated_derivation_writes_nothing(expanded: SecretStr) -> None:
    task_id = create_as_earlier_release(expanded, "Straße")
    versions = []
    for _ in range(2):
        with administering(expanded) as admin:
            admin.execute(text("UPDATE alembic_version SET version_num = '0004'"))
        migrated_to(expanded, "0005")
        with administering(expanded) as admin:
            version = text("SELECT xmin::text FROM tasks WHERE id = :id")
            versions.append(admin.execute(version, {"id": task_id}).scalar_one())
    assert is_derived(expanded, task_id)
    assert versions[0] == versions[1]


def test_edit_of_tags_of_too_many_tasks_is_a_conflict(database: Database) -> None:
    with database.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        tasks.import_tasks(NewTask(f"{n}", tags=(f"{n}",)) for n in range(BULK_MAX + 1))
        with pytest.raises(Conflict) as conflict:
            tasks.update(TaskSelection(at_most=BULK_MAX), Edits({}, add_tags=("x",)))
        assert conflict.value.details["matched"] == BULK_MAX + 1
        dry = tasks.update(TaskSelection(at_most=1, dry_run=True), Edits({}, add_tags=("x",)))
        assert (dry.number, dry.changed) == (BULK_MAX + 1, 0)
