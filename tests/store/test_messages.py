"""Number of messages per operation between the server and PostgreSQL."""

import uuid
from collections.abc import Iterator

import pytest

from tests.support.api_client import Person
from tests.support.servers import serving, settings_for
from tests.support.tap import QUERY, Message, Wire, tapped
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.engine import Database

CREATE = 'createTask(input: {title: "Buy milk"}) { task { id user { revision } } }'


@pytest.fixture(scope="module")
def tap(settings: Settings) -> Iterator[tuple[Settings, Wire]]:
    """Settings of a server behind a tapped database connection, and the tap.

    The server prepares no statements, which would be further messages.
    """
    with tapped(settings.required_database_url()) as (through, wire):
        yield settings_for(through, database_prepared_statements="off"), wire


@pytest.fixture(scope="module")
def base(tap: tuple[Settings, Wire]) -> Iterator[str]:
    """URL of that server, after its first operation."""
    with serving(tap[0]) as base:
        Person(base, tap[0]).ask("{ me { id } }")
        yield base


@pytest.fixture
def wire(tap: tuple[Settings, Wire]) -> Wire:
    return tap[1]


@pytest.fixture
def carol(base: str, tap: tuple[Settings, Wire]) -> Person:
    return Person(base, tap[0])


def heard(wire: Wire, person: Person, document: str, **variables: object) -> list[Message]:
    """Return the messages of a successful operation."""
    with wire.listening() as messages:
        person.ask(document, **variables)
    return messages


@pytest.mark.parametrize(
    "document",
    [
        "{ tasks { nodes { id title } edges { cursor } pageInfo { endCursor hasNextPage } } }",
        "{ tasks(last: 2, filter: { completed: true }) { nodes { id } } }",
        "{ me { email revision } }",
        "{ a: me { revision } b: me { email } }",
    ],
)
def test_read_sends_one_message(wire: Wire, carol: Person, document: str) -> None:
    carol.create()
    assert len(heard(wire, carol, document)) == 1


@pytest.mark.parametrize("field", ["task", "node"])
def test_read_by_id_sends_one_message(wire: Wire, carol: Person, field: str) -> None:
    document = f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}"
    assert len(heard(wire, carol, document, id=carol.create()["id"])) == 1


def test_page_between_cursors_sends_one_message(wire: Wire, carol: Person) -> None:
    for title in "abcde":
        carol.create(title)
    edges = carol.ask("{ tasks { edges { cursor } } }")["tasks"]["edges"]
    document = (
        "query ($after: String, $before: String) { tasks(after: $after, before: $before)"
        " { nodes { title } pageInfo { hasNextPage hasPreviousPage } } }"
    )
    messages = heard(wire, carol, document, after=edges[0]["cursor"], before=edges[4]["cursor"])
    assert len(messages) == 1


def test_repeated_create_sends_one_message(wire: Wire, carol: Person) -> None:
    task_id = str(uuid.uuid4())
    for _ in range(2):
        with wire.listening() as messages:
            carol.create(id=task_id)
        assert len(messages) == 1


def test_unchanged_update_sends_one_message(wire: Wire, carol: Person) -> None:
    document = 'mutation ($id: ID!) { updateTask(id: $id, input: {title: "x"}) { task { id } } }'
    task = carol.create()
    for _ in range(2):
        assert len(heard(wire, carol, document, id=task["id"])) == 1


@pytest.mark.parametrize("verb", ["completeTask", "reopenTask", "deleteTask", "restoreTask"])
def test_state_change_sends_one_message(wire: Wire, carol: Person, verb: str) -> None:
    task = carol.create()
    with wire.listening() as messages:
        carol.change(verb, task["id"])
    assert len(messages) == 1


def test_purge_sends_one_message(wire: Wire, carol: Person) -> None:
    document = "mutation ($id: ID!) { purgeTask(id: $id) { taskId } }"
    assert len(heard(wire, carol, document, id=carol.create()["id"])) == 1


FILTERED = """
query ($order: [TaskOrder!]) {
  tasks(
    orderBy: $order
    filter: {search: "milk", or: [{priority: {lt: HIGH}}, {due: {today: true}}]}
  ) {
    edges { cursor node { id tags } }
  }
}
"""


@pytest.mark.parametrize("field", ["CREATED", "DUE", "POSITION", "RELEVANCE"])
def test_ordered_filtered_page_sends_one_message(wire: Wire, carol: Person, field: str) -> None:
    carol.create()
    order = [{"field": field, "nulls": "FIRST"}, {"field": "TITLE"}]
    assert len(heard(wire, carol, FILTERED, order=order)) == 1


def test_page_in_a_time_zone_sends_one_message(wire: Wire, carol: Person) -> None:
    carol.create(dueOn="2026-01-31")
    order = [{"field": "PRIORITY"}, {"field": "DUE", "timeZone": "America/Los_Angeles"}]
    assert len(heard(wire, carol, FILTERED, order=order)) == 1


@pytest.mark.parametrize(
    "document",
    [
        'mutation { createTasks(input: [{title: "a"}, {title: "b"}]) { tasks { id } } }',
        "mutation { completeTasks(filter: {createdAt: {null: false}}) { revision tasks { id } } }",
        "mutation { updateTasks(filter: {createdAt: {null: false}}, input: {tags: []}) { count } }",
        "mutation { deleteTasks(filter: {createdAt: {null: false}}, dryRun: true) { count } }",
        "mutation { emptyTrash { count } }",
        "{ overview { open today tags { tag } } }",
        "{ me { tags { tag } } }",
    ],
)
def test_bulk_operation_sends_one_message_per_field(
    wire: Wire, carol: Person, document: str
) -> None:
    carol.create()
    expected = 2 if "me" in document.split() else 1
    assert len(heard(wire, carol, document)) == expected


def test_move_sends_three_messages(wire: Wire, carol: Person) -> None:
    """The first message includes BEGIN; COMMIT is the third."""
    first, second = carol.create_many("a", "b")
    document = "mutation ($id: ID!, $to: ID) { moveTask(id: $id, before: $to) { revision } }"
    assert len(heard(wire, carol, document, id=second["id"], to=first["id"])) == 3


def test_edit_of_tags_sends_three_messages(wire: Wire, carol: Person) -> None:
    """BEGIN with the present tags, the update, and COMMIT."""
    carol.create(tags=["a"])
    document = """mutation {
        updateTasks(filter: {createdAt: {null: false}}, input: {addTags: ["x"]}) { tasks { tags } }
    }"""
    assert len(heard(wire, carol, document)) == 3


def test_idempotency_key_sends_three_more_messages(wire: Wire, carol: Person) -> None:
    document = 'mutation { createTask(input: {title: "a"}, idempotencyKey: "k") { revision } }'
    assert len(heard(wire, carol, document)) == 4
    assert len(heard(wire, carol, document)) == 2


def test_total_count_sends_message_when_selected(wire: Wire, carol: Person) -> None:
    document = (
        "query ($counted: Boolean!) { tasks { nodes { id } totalCount @include(if: $counted) } }"
    )
    assert len(heard(wire, carol, document, counted=False)) == 1
    assert len(heard(wire, carol, document, counted=True)) == 2


def test_user_of_many_tasks_is_read_once(wire: Wire, carol: Person) -> None:
    for title in "abc":
        carol.create(title)
    document = "{ tasks { nodes { user { email revision } } edges { node { user { id } } } } }"
    assert len(heard(wire, carol, document)) == 2


def test_user_is_read_again_after_write(wire: Wire, carol: Person) -> None:
    assert len(heard(wire, carol, f"mutation {{ a: {CREATE} b: {CREATE} }}")) == 4


@pytest.mark.parametrize(
    "document",
    [
        "{ __typename }",
        "{ __schema { queryType { name } } }",
        '{ tasks(userId: "somebody else") { nodes { id } } }',
        'mutation { createTask(userId: "somebody else", input: {title: "a"}) { task { id } } }',
        'mutation { createTask(input: {title: ""}) { task { id } } }',
        '{ task(id: "not a UUID") { id } }',
        "{ tasks(first: 0) { nodes { id } } }",
        "{ nonsense }",
        "not GraphQL",
    ],
)
def test_operation_without_data_sends_no_message(wire: Wire, carol: Person, document: str) -> None:
    before = len(wire.messages)
    carol.post(document)
    assert len(wire.messages) == before


def test_every_message_names_viewer(wire: Wire, tap: tuple[Settings, Wire], carol: Person) -> None:
    with wire.listening() as messages:
        task = carol.create()
        carol.change("completeTask", task["id"])
        carol.ask("{ me { revision } tasks { totalCount nodes { user { id } } } }")
    database = Database(tap[0])
    with database.engine.connect():  # tells the form of the preamble
        preamble = database.preamble(carol.viewer)
    database.close()
    assert "SET LOCAL ROLE todo_app;" in preamble
    assert f"SET LOCAL app.user_id = '{carol.id}';" in preamble
    assert len(messages) == 5
    assert {message.kind for message in messages} == {QUERY}
    assert all(message.sql.startswith(preamble) for message in messages)


def test_aliases_share_one_connection(wire: Wire, carol: Person) -> None:
    before = len(wire.messages)
    aliases = " ".join(f"t{number}: tasks {{ nodes {{ id }} }}" for number in range(10))
    messages = heard(wire, carol, f"{{ {aliases} }}")
    assert len(messages) == 10
    assert len({message.connection for message in messages}) == 1
    assert len(wire.messages) - before == len(messages), "A fresh connection is not pinged."


def test_startup_has_no_server_settings(wire: Wire, carol: Person) -> None:
    carol.ask("{ me { id } }")
    names = {name for startup in wire.startups for name in startup}
    assert names <= {"user", "database", "application_name", "client_encoding"}
