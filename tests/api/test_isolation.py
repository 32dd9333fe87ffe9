"""Isolation of users, for every root field of the schema.

The attempts are generated. A field with an argument of an unknown type fails its test, so that
a new field cannot be forgotten.
"""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from graphql import GraphQLField, GraphQLInputType, is_required_argument
from pydantic import SecretStr

from tests.support.documents import document_of, root_fields
from tests.support.isolation import SCHEMA, WORLDS, World, anonymised, somebody
from tests.support.servers import migrated_database
from todo_graphql.store.models import Viewer

GRAPHQL = SCHEMA.graphql_schema
FIELDS = {name: (operation, field) for operation, name, field in root_fields(GRAPHQL)}
WITH_USER_ID = sorted(name for name, (_, field) in FIELDS.items() if "userId" in field.args)

# Values that aim an argument of a type at a task of another user.
AIMED: dict[str, Callable[[str], Any]] = {
    "ID!": lambda task_id: task_id,
    "ID": lambda task_id: task_id,
    "[ID!]": lambda task_id: [task_id],
    "CreateTaskInput!": lambda task_id: {"id": task_id, "title": "stolen"},
    "[CreateTaskInput!]!": lambda task_id: [{"id": task_id, "title": "stolen"}],
    "UpdateTaskInput!": lambda _: {"title": "stolen", "description": "stolen"},
    "UpdateTasksInput!": lambda _: {"title": "stolen", "addTags": ["stolen"]},
    "[TaskValuesInput!]!": lambda task_id: [{"id": task_id, "title": "stolen"}],
    "[PushTaskInput!]!": lambda task_id: [
        {
            "assumed": {"id": task_id, "priority": "NONE"},
            "task": {"id": task_id, "priority": "HIGH", "tags": ["stolen"], "trashed": True},
        }
    ],
    "TaskFilter": lambda task_id: {"id": {"in": [task_id]}},
}
# Arguments that aim at no task, or have tests of their own.
HARMLESS = {
    "userId",
    "confirm",
    "idempotencyKey",
    "atMost",
    "dryRun",
    "timeZone",
    "first",
    "last",
    "orderBy",
}
# These are cursors, not ids.
CURSORS = {"tasks": {"before", "after"}, "taskChanges": {"since"}}
NOTHING_AIMED = "nothing"
KEYED = """
mutation ($key: String!) {
  createTask(input: {title: "keyed"}, idempotencyKey: $key) { revision task { id } }
}
"""


def aims(name: str) -> Iterator[str]:
    """Yield the optional arguments of a root field that can be aimed at a task."""
    _, field = FIELDS[name]
    optional = {
        key: str(arg.type) for key, arg in field.args.items() if not is_required_argument(arg)
    }
    aimed = optional.keys() - HARMLESS - CURSORS.get(name, set())
    unknown = {optional[key] for key in aimed} - AIMED.keys()
    assert not unknown, f"AIMED needs a value for {unknown}."
    yield from sorted(aimed) or [NOTHING_AIMED]


ATTEMPTS = [(name, aim) for name in FIELDS for aim in aims(name)]


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest, postgresql: SecretStr) -> Iterator[World]:
    with migrated_database(postgresql) as url:
        own = World(
            url,
            statement=request.param != "only the database",
            database=request.param != "only the statement",
        )
        yield own
        own.database.close()


def arguments_for(
    field: GraphQLField, task_id: str, aim: str
) -> tuple[dict[str, GraphQLInputType], Any]:
    """Return the required arguments and an optional one, aimed at the task."""
    needed = {
        name: arg.type
        for name, arg in field.args.items()
        if is_required_argument(arg) or name == aim
    }
    unknown = {str(kind) for name, kind in needed.items() if name != "confirm"} - AIMED.keys()
    assert not unknown, f"AIMED needs a value for {unknown}."
    values = {
        name: task_id if name == "confirm" else AIMED[str(kind)](task_id)
        for name, kind in needed.items()
    }
    return needed, values


def attempt(
    world: World, who: Viewer, name: str, task_id: str, aim: str = NOTHING_AIMED, **more: str
) -> dict[str, Any]:
    """Execute the field with all arguments aimed at the task."""
    operation, field = FIELDS[name]
    kinds, variables = arguments_for(field, task_id, aim)
    if aim in ("before", "after"):
        # `moveTask` moves a task of the attacker next to the target.
        variables["id"] = world.create(who, "own")
    kinds |= {argument: field.args[argument].type for argument in more}
    return world.ask(who, document_of(GRAPHQL, operation, name, kinds), variables | more)


@pytest.mark.no_cover
@pytest.mark.parametrize(("name", "aim"), ATTEMPTS)
def test_task_of_another_user_is_reported_as_missing(world: World, name: str, aim: str) -> None:
    """The response equals the response for an unknown id, and nothing changes."""
    alice, secret = somebody("alice"), uuid.uuid4().hex
    task_id = world.create(alice, secret)
    before = world.everything_of(alice)

    hers = attempt(world, somebody("mallory"), name, task_id, aim)
    unknown = attempt(world, somebody("mallory"), name, str(uuid.uuid4()), aim)

    assert world.everything_of(alice) == before
    assert secret not in str(hers)
    assert str(alice.email) not in str(hers)
    assert anonymised(hers) == anonymised(unknown)


def test_subscriptions_have_tests() -> None:
    """tests/server/live/test_live_isolation.py has those of their streams."""
    assert GRAPHQL.subscription_type is not None
    assert set(GRAPHQL.subscription_type.fields) == {"taskChanges"}


@pytest.mark.no_cover
@pytest.mark.parametrize("operation", ["query", "subscription"])
def test_changes_of_another_user_are_not_returned(world: World, operation: str) -> None:
    """A cursor of another user reaches nothing, neither tasks nor tombstones."""
    world.require_route("taskChanges")
    alice, mallory = somebody("alice"), somebody("mallory")
    kept, purged = world.create(alice, "kept"), world.create(alice, "purged")
    document = "($since: String) { taskChanges(since: $since) { cursor changes { id } } }"
    document = f"{operation} {document}"
    start = world.ask(alice, document, {})["data"]["taskChanges"]
    attempt(world, alice, "purgeTask", purged)
    assert {change["id"] for change in start["changes"]} == {kept, purged}
    for since in (None, start["cursor"]):
        page = world.ask(mallory, document, {"since": since})["data"]["taskChanges"]
        assert page["changes"] == []
    own = world.create(mallory, "own")
    for since in (None, start["cursor"], page["cursor"]):
        page = world.ask(mallory, document, {"since": since})["data"]["taskChanges"]
        assert [change["id"] for change in page["changes"]] == [own]
    later = world.ask(alice, document, {"since": start["cursor"]})["data"]["taskChanges"]
    assert [change["id"] for change in later["changes"]] == [purged]


@pytest.mark.no_cover
@pytest.mark.parametrize("name", [name for name in FIELDS if "filter" in FIELDS[name][1].args])
def test_filter_matches_only_own_tasks(world: World, name: str) -> None:
    alice, mallory = somebody("alice"), somebody("mallory")
    for trashed in (False, True):
        hers = world.create(alice, "hers")
        own = world.create(mallory, "own")
        if trashed:
            for who, task_id in ((alice, hers), (mallory, own)):
                attempt(world, who, "deleteTask", task_id)
        before = world.everything_of(alice)
        operation, field = FIELDS[name]
        kinds, variables = arguments_for(field, hers, "filter")
        variables["filter"] = {"trashed": trashed, "not": {"title": {"eq": "hers"}}}
        answer = world.ask(mallory, document_of(GRAPHQL, operation, name, kinds), variables)
        assert own in str(answer) or name == "restoreTasks"
        assert hers not in str(answer)
        assert world.everything_of(alice) == before


@pytest.mark.no_cover
@pytest.mark.parametrize("kind", ["created", "edited", "trashed", "purged"])
def test_push_reaches_only_own_tasks(world: World, kind: str) -> None:
    """A pushed task is as unknown as one with another id, and a new one is the caller's own."""
    alice, mallory = somebody("alice"), somebody("mallory")
    task_id = world.create(alice, "hers")
    before = world.everything_of(alice)
    document = document_of(GRAPHQL, "mutation", "pushTasks", {"rows": ROWS})
    answers = []
    for target in (task_id, str(uuid.uuid4())):
        assumed = {"id": target, "title": "hers", "description": "hers"}
        pushed = {
            "created": {"task": assumed | {"title": "own"}},
            "edited": {"assumed": assumed, "task": assumed | {"title": "stolen"}},
            "trashed": {"assumed": assumed, "task": assumed | {"trashed": True}},
            "purged": {"assumed": assumed, "task": assumed | {"purged": True}},
        }[kind]
        answers.append(world.ask(mallory, document, {"rows": [pushed]}))
    payloads = [answer["data"].pop("pushTasks") for answer in answers]
    assert world.everything_of(alice) == before
    if kind == "created":
        own = world.ask(mallory, "{ tasks { nodes { title } } }", {})["data"]["tasks"]["nodes"]
        assert own == [{"title": "own"}] * 2
        payloads[1]["revision"] -= 1
    assert anonymised(payloads[0]) == anonymised(payloads[1])


ROWS = FIELDS["pushTasks"][1].args["rows"].type


def test_empty_trash_and_delete_account_affect_only_own_data(world: World) -> None:
    world.require_route("emptyTrash")
    alice, mallory = somebody("alice"), somebody("mallory")
    for who in (alice, mallory):
        attempt(world, who, "deleteTask", world.create(who, "trashed"))
        world.ask(who, KEYED, {"key": "the same key"})
    before = world.everything_of(alice)
    emptied = world.ask(mallory, "mutation { emptyTrash { count } }", {})
    assert emptied["data"] == {"emptyTrash": {"count": 1}}
    document = "mutation ($me: String!) { deleteAccount(confirm: $me) { userId } }"
    deleted = world.ask(mallory, document, {"me": str(mallory.id)})
    assert deleted["data"] == {"deleteAccount": {"userId": str(mallory.id)}}
    assert world.everything_of(mallory) == []
    assert world.everything_of(alice) == before


def test_idempotency_key_is_scoped_to_its_user(world: World) -> None:
    alice, mallory = somebody("alice"), somebody("mallory")
    answers = [world.ask(who, KEYED, {"key": "k"}) for who in (alice, mallory, alice, mallory)]
    assert answers[0] == answers[2] != answers[1] == answers[3]


@pytest.mark.no_cover
@pytest.mark.parametrize("name", WITH_USER_ID)
def test_foreign_user_id_is_forbidden(world: World, name: str) -> None:
    alice, mallory = somebody("alice"), somebody("mallory")
    task_id, own_id = world.create(alice, "hers"), world.create(mallory, "own")
    before = world.everything_of(alice), world.everything_of(mallory)
    keyed = {"idempotencyKey": "k"} if "idempotencyKey" in FIELDS[name][1].args else {}
    for target in (task_id, own_id):
        for more in ({}, keyed):
            answer = attempt(world, mallory, name, target, userId=str(alice.id), **more)
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
    assert (world.everything_of(alice), world.everything_of(mallory)) == before


def test_root_fields_take_a_user_id() -> None:
    assert set(FIELDS) - set(WITH_USER_ID) == {"me", "node", "rateLimit", "errorCodes"}


@pytest.mark.parametrize("name", WITH_USER_ID)
def test_own_user_id_equals_an_omitted_user_id(world: World, name: str) -> None:
    world.require_route(name)
    alice = somebody("alice")
    aim = "ids" if "ids" in FIELDS[name][1].args else NOTHING_AIMED
    for user_id in (str(alice.id), str(alice.id).upper()):
        task_id = world.create(alice, "own")
        answer = attempt(world, alice, name, task_id, aim, userId=user_id)
        codes = [error["extensions"]["code"] for error in answer["errors"]]
        assert codes == EXPECTED.get(name, [])


# The codes for an id in use and for an invalid confirmation.
EXPECTED = {
    "createTask": ["CONFLICT"],
    "createTasks": ["CONFLICT"],
    "deleteAccount": ["BAD_USER_INPUT"],
}


def test_lists_contain_only_own_tasks(world: World) -> None:
    alice, mallory = somebody("alice"), somebody("mallory")
    world.create(alice, "hers")
    own = world.create(mallory, "own")
    document = "{ tasks { totalCount nodes { id } } me { id tasks { totalCount nodes { id } } } }"
    data = world.ask(mallory, document, {})["data"]
    only = {"totalCount": 1, "nodes": [{"id": own}]}
    assert data == {"tasks": only, "me": {"id": str(mallory.id), "tasks": only}}


@pytest.mark.plain_postgresql  # Citus refuses these statements without owner predicates
def test_attempts_succeed_without_both_layers_of_isolation(postgresql: SecretStr) -> None:
    """Prove that the tests above can fail."""
    with migrated_database(postgresql) as url:
        safe = World(url, statement=True, database=True)
        alice, mallory = somebody("alice"), somebody("mallory")
        task_id = safe.create(alice, "hers")
        safe.create(mallory, "own")
        safe.database.close()
        bare = World(url, statement=False, database=False)
        assert "hers" in str(attempt(bare, mallory, "task", task_id))
        for name in ("pushTasks", "purgeTask"):
            before = bare.everything_of(alice)
            attempt(bare, mallory, name, task_id)
            assert bare.everything_of(alice) != before
        bare.database.close()
