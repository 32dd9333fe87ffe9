"""Bulk mutations with a large result: nothing changes, and no task is read."""

import pytest

from tests.support.api_client import Person
from tests.support.data_files import imported
from todo_graphql.store.tasks import write_results

TEXT = "😀" * 100
TASKS = 12


@pytest.fixture
def limited(alice: Person, monkeypatch: pytest.MonkeyPatch) -> Person:
    """A user with 4,800 bytes of descriptions, at a limit of 4,000."""
    monkeypatch.setattr(write_results, "MAX_RESULT_BYTES", 4_000)
    alice.create_many(*["x"] * TASKS, description=TEXT)
    return alice


def complete(arguments: str, fields: str) -> str:
    return "mutation { completeTasks(%s) { %s } }" % (arguments, fields)


ALL = "filter: {createdAt: {null: false}}"


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        (ALL, "tasks { id description }"),
        (f'{ALL}, idempotencyKey: "k"', "count"),
    ],
)
def test_bulk_mutation_with_large_result_changes_nothing(
    limited: Person, arguments: str, fields: str
) -> None:
    before = limited.revision()
    error = limited.refusal(complete(arguments, fields))
    assert (error["code"], error["limitName"]) == ("QUERY_TOO_COMPLEX", "resultBytes")
    assert error["limit"] == 4_000
    assert error["message"].startswith("Nothing was changed")
    assert limited.revision() == before


def test_bulk_mutation_by_ids_with_large_result_changes_nothing(limited: Person) -> None:
    page = limited.ask("{ tasks { nodes { id } } }")["tasks"]["nodes"]
    ids = ", ".join(f'"{task["id"]}"' for task in page)
    for more in ("", ", dryRun: true"):
        error = limited.refusal(complete(f"ids: [{ids}]{more}", "tasks { description }"))
        assert error["limitName"] == "resultBytes"
    data = limited.ask(complete(f"ids: [{ids}]", "tasks { id completed }"))
    assert all(task["completed"] for task in data["completeTasks"]["tasks"])


def test_new_descriptions_count(limited: Person) -> None:
    document = """mutation ($text: String) {
        updateTasks(filter: {createdAt: {null: false}}, input: {description: $text}) {
            tasks { description }
        }
    }"""
    assert limited.refusal(document, text=TEXT + "y")["limitName"] == "resultBytes"
    tasks = limited.ask(document, text="short")["updateTasks"]["tasks"]
    assert [task["description"] for task in tasks] == ["short"] * TASKS


def test_results_without_descriptions_and_dry_runs_are_not_limited(limited: Person) -> None:
    dry = limited.ask(complete(f"{ALL}, dryRun: true", "count tasks { description }"))
    assert dry["completeTasks"]["count"] == TASKS
    assert len(dry["completeTasks"]["tasks"]) == 10
    assert limited.ask(complete(ALL, "count"))["completeTasks"]["count"] == TASKS


def test_single_mutation_returns_the_longest_description(alice: Person) -> None:
    text = "😀" * 10_000
    imported(alice, '[{"title": "x", "description": "%s"}]' % text)
    (task,) = alice.ask("{ tasks { nodes { id } } }")["tasks"]["nodes"]
    assert alice.change("completeTask", task["id"])["description"] == text
