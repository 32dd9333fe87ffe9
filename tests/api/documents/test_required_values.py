"""Required values of mutations, for each argument and each field of a filter in the schema."""

from collections.abc import Mapping
from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)
from strawberry.types.base import StrawberryMaybe

from tests.support.isolation import SCHEMA
from tests.support.required_values import (
    FILTERS,
    GRAPHQL,
    MUTATIONS,
    NESTS,
    Member,
    Nest,
    call,
    document_of_calls,
    members_of,
)
from todo_graphql.api.documents import value_rules
from todo_graphql.api.execution.coercion import DEFINITION

NOTHING: Mapping[str, Any] = {}


def missing(document: str, variables: Mapping[str, Any] = NOTHING) -> dict[str, str]:
    """Return the path of the first missing value of each root field."""
    prepared = SCHEMA.documents.prepare(document)
    assert not prepared.errors, prepared.errors[0]
    operation = prepared.cost(None)
    assert operation is not None
    found = prepared.missing_values(operation.node, variables)
    return {key: values[0].field for key, values in found.items()}


def missing_in_calls(name: str, argument: str, filters: list[Any]) -> dict[str, str]:
    return missing(document_of_calls(name, argument, filters, NOTHING))


def paths_of(argument: str, nest: str, members: list[Member]) -> dict[str, str]:
    head = ".".join(filter(None, [argument, nest]))
    return {f"c{number}": ".".join([head, *one.path]) for number, one in enumerate(members)}


def test_mutations_with_a_filter_are_found() -> None:
    assert {("updateTasks", "filter"), ("deleteTasks", "filter")} <= set(FILTERS)
    paths = {member.path for member in members_of("deleteTasks", "filter")}
    assert {("id", "eq"), ("completed",), ("due", "timeZone"), ("search",)} < paths


@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize(("name", "argument"), FILTERS)
def test_variable_in_a_filter_needs_a_value(name: str, argument: str, nest: str) -> None:
    members = members_of(name, argument, nest)
    kinds = {f"v{number}": member.variable for number, member in enumerate(members)}
    filters = [NESTS[nest](one.filter_with(f"$v{number}")) for number, one in enumerate(members)]
    document = document_of_calls(name, argument, filters, kinds)
    paths = paths_of(argument, nest, members)
    assert missing(document) == missing(document, dict.fromkeys(kinds)) == paths
    assert missing(document, {f"v{number}": one.value for number, one in enumerate(members)}) == {}


@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize(("name", "argument"), FILTERS)
def test_null_in_a_filter_is_rejected(name: str, argument: str, nest: str) -> None:
    """Cover null in the document, and in a variable that is the whole filter."""
    members = [member for member in members_of(name, argument, nest) if member.is_nullable]
    nulls = [NESTS[nest](member.filter_with(None)) for member in members]
    paths = paths_of(argument, nest, members)
    assert missing_in_calls(name, argument, nulls) == paths
    kinds = dict.fromkeys([f"v{number}" for number in range(len(nulls))], "TaskFilter")
    document = document_of_calls(name, argument, [f"${variable}" for variable in kinds], kinds)
    assert missing(document, dict(zip(kinds, nulls, strict=True))) == paths


@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize(("name", "argument"), FILTERS)
def test_empty_input_in_a_filter_is_rejected(name: str, argument: str, nest: str) -> None:
    """A single condition is a list of one for `and` and `or`."""
    members = [member for member in members_of(name, argument, nest) if member.is_input]
    filters = [NESTS[nest](member.filter_with({})) for member in members]
    listed = {f"c{number}" for number, member in enumerate(members) if member.is_list}
    paths = paths_of(argument, nest, members)
    expected = {key: f"{path}.0" if key in listed else path for key, path in paths.items()}
    assert missing_in_calls(name, argument, filters) == expected
    lists = [NESTS[nest](one.filter_with([{}] if one.is_list else {})) for one in members]
    assert missing_in_calls(name, argument, lists) == expected


@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize(("name", "argument"), FILTERS)
def test_empty_list_that_matches_every_task_is_rejected(
    name: str, argument: str, nest: str
) -> None:
    members = [member for member in members_of(name, argument, nest) if member.is_list]
    filters = [NESTS[nest](member.filter_with([])) for member in members]
    rejected = {
        key: path
        for key, path in paths_of(argument, nest, members).items()
        if "not" in nest or path.rpartition(".")[2] not in ("in", "any", "or")
    }
    assert missing_in_calls(name, argument, filters) == rejected
    assert {path.rpartition(".")[2] for path in rejected.values()} >= {"nin", "all", "none", "and"}


BLANK = ["", "  \t", "\u200b", "\0"]
FOLDED_TO_NOTHING = [*BLANK, "\u0301", "\u00a0\u0308"]
TEXTS: list[tuple[str, Nest, list[str]]] = [
    ("search", lambda text: {"search": text}, FOLDED_TO_NOTHING),
    ("title.contains", lambda text: {"title": {"contains": text}}, FOLDED_TO_NOTHING),
    ("title.startsWith", lambda text: {"title": {"startsWith": text}}, FOLDED_TO_NOTHING),
    ("title.neq", lambda text: {"title": {"neq": text}}, BLANK),
    ("description.contains", lambda text: {"description": {"contains": text}}, FOLDED_TO_NOTHING),
    ("tags.none.0", lambda text: {"tags": {"none": [text]}}, BLANK),
    ("tags.any.1", lambda text: {"tags": {"any": ["x", text]}}, BLANK),
    ("or.0.title.contains", lambda text: {"or": [{"title": {"contains": text}}]}, BLANK),
]


@pytest.mark.parametrize(("path", "nest", "texts"), TEXTS, ids=[path for path, *_ in TEXTS])
def test_blank_text_in_a_filter_is_rejected(path: str, nest: Nest, texts: list[str]) -> None:
    document = "mutation ($f: TaskFilter) { deleteTasks(filter: $f) { count } }"
    for text in texts:
        assert missing(document, {"f": nest(text)}) == {"deleteTasks": f"filter.{path}"}, text
    for text in ("a", "%", "!", "後"):
        assert missing(document, {"f": nest(text)}) == {}, text


def test_empty_description_can_be_compared() -> None:
    document = 'mutation { deleteTasks(filter: {description: {eq: ""}}) { count } }'
    assert missing(document) == {}


@pytest.mark.parametrize("text", ["{}", "{trashed: true}", "{trashed: false}"])
@pytest.mark.parametrize(("name", "argument"), FILTERS)
def test_filter_without_a_condition_is_rejected(name: str, argument: str, text: str) -> None:
    assert missing(f"mutation {{ {call(name, argument, text)} }}") == {name: argument}


def test_defaults_of_variables_are_values() -> None:
    document = """mutation ($id: ID = "x", $dry: Boolean = true, $most: Int = 3, $none: ID = null) {
        deleteTasks(filter: {id: {eq: $id}}, dryRun: $dry, atMost: $most) { count }
        lost: deleteTasks(filter: {id: {eq: $none}}) { count }
    }"""
    assert missing(document) == {"lost": "filter.id.eq"}
    assert missing(document, {"id": None, "none": "x"}) == {"deleteTasks": "filter.id.eq"}


def test_root_fields_in_fragments_are_checked() -> None:
    document = """mutation ($id: ID) { ...A ... { b: completeTasks(ids: []) { count } } }
    fragment A on Mutation { ...B }
    fragment B on Mutation { a: deleteTasks(filter: {id: {eq: $id}}) { count } }"""
    assert missing(document) == {"a": "filter.id.eq"}


def test_merged_root_fields_are_checked_once() -> None:
    document = """mutation ($id: ID) {
        a: deleteTasks(filter: {id: {eq: $id}, search: ""}) { count }
        a: deleteTasks(filter: {id: {eq: $id}, search: ""}) { revision }
        ... { b: deleteTasks(filter: {search: ""}) { count } }
        ... { b: deleteTasks(filter: {search: ""}) { revision } }
    }"""
    prepared = SCHEMA.documents.prepare(document)
    operation = prepared.cost(None)
    assert operation is not None
    found = prepared.missing_values(operation.node, {})
    assert {key: [value.field for value in values] for key, values in found.items()} == {
        "a": ["filter.id.eq", "filter.search"],
        "b": ["filter.search"],
    }


GUARDS = {"atMost", "dryRun"}
"""The optional arguments that need a value if they are named."""


def test_every_optional_argument_is_decided() -> None:
    optional = {
        argument
        for field in MUTATIONS.values()
        for argument, definition in field.args.items()
        if not is_required_argument(definition)
    }
    assert optional == GUARDS | value_rules.OPTIONAL_ARGUMENTS


@pytest.mark.parametrize("name", sorted(GUARDS))
def test_guard_is_required(name: str) -> None:
    kind = {"atMost": "Int", "dryRun": "Boolean"}[name]
    document = f"mutation ($v: {kind}) {{ deleteTasks(ids: [], {name}: $v) {{ count }} }}"
    assert missing(document) == missing(document, {"v": None}) == {"deleteTasks": name}
    assert missing(document, {"v": 0}) == {}


@pytest.mark.parametrize("name", sorted(value_rules.OPTIONAL_ARGUMENTS))
def test_optional_argument_may_be_null(name: str) -> None:
    owner = next(key for key, field in MUTATIONS.items() if name in field.args)
    assert missing(f"mutation {{ {call(owner, name, 'null')} }}") == {}


CHANGES_NOTHING = {"addTags", "removeTags"}
"""The fields of updates for which null means the same as an omitted field."""


def test_null_in_content_is_decided() -> None:
    """Null in a new task is the default. In an update, it clears the field."""
    for name, guards in value_rules.CONTENT.items():
        kind = GRAPHQL.get_type(name)
        assert isinstance(kind, GraphQLInputObjectType)
        assert guards <= set(kind.fields)
        for field, definition in kind.fields.items():
            is_decided = field in guards | CHANGES_NOTHING or name.startswith("Create")
            if not is_decided and not is_required_input_field(definition):
                assert isinstance(definition.extensions[DEFINITION].type, StrawberryMaybe), field


def test_expected_revision_is_required() -> None:
    document = """mutation ($id: ID!, $revision: Int) {
        updateTask(id: $id, input: {title: null, expectedRevision: $revision}) { revision }
    }"""
    lost = {"updateTask": "input.expectedRevision"}
    assert missing(document) == missing(document, {"revision": None}) == lost
    assert missing(document, {"revision": 1}) == {}
    document = "mutation ($i: UpdateTaskInput!) { updateTask(id: 1, input: $i) { revision } }"
    assert missing(document, {"i": {"tags": None, "expectedRevision": None}}) == lost
    assert missing(document, {"i": {"title": None, "dueOn": None, "addTags": None}}) == {}
    assert missing(document, {"i": {}}) == {}
    document = "mutation ($v: [TaskValuesInput!]!) { setTasks(input: $v) { revision } }"
    values = [{"id": "x", "dueOn": None, "expectedRevision": revision} for revision in (1, None)]
    assert missing(document, {"v": values}) == {"setTasks": "input.1.expectedRevision"}


def test_content_types_are_those_of_the_mutations() -> None:
    """A new input type is either content, or has the rules of filters."""
    kinds = {
        kind.name
        for field in MUTATIONS.values()
        for argument in field.args.values()
        if isinstance(kind := get_named_type(argument.type), GraphQLInputObjectType)
    }
    nested = {
        kind.name
        for name in kinds & value_rules.CONTENT.keys()
        for field in GRAPHQL.get_type(name).fields.values()  # type: ignore[union-attr]
        if isinstance(kind := get_named_type(field.type), GraphQLInputObjectType)
    }
    assert kinds | nested == {*value_rules.CONTENT, "TaskFilter"}


def test_variable_of_an_assumed_state_is_required() -> None:
    """Null and the absence of the field mean a new task, and a lost variable does not."""
    document = """mutation ($assumed: TaskState, $task: TaskState!) {
        pushTasks(rows: [{task: $task}, {assumed: $assumed, task: $task}]) { revision }
    }"""
    task: Any = {"id": 1, "title": None, "tags": [], "trashed": None}
    assert missing(document, {"task": task}) == {"pushTasks": "rows.1.assumed"}
    assert missing(document, {"task": task, "assumed": None}) == {}
    assert missing(document, {"task": task, "assumed": task}) == {}
    document = "mutation ($rows: [PushTaskInput!]!) { pushTasks(rows: $rows) { revision } }"
    assert missing(document, {"rows": [{"task": task}, {"task": task, "assumed": None}]}) == {}


def test_rules_name_the_schema() -> None:
    names = {
        f"{kind.name}.{field}"
        for kind in GRAPHQL.type_map.values()
        if isinstance(kind, GraphQLInputObjectType)
        for field in kind.fields
    }
    fields = {name.partition(".")[2] for name in names}
    assert names >= value_rules.BLANK_TEXTS
    assert names >= value_rules.NULLABLE
    assert fields >= value_rules.SETTINGS | value_rules.EMPTY_LISTS | value_rules.SEARCHED


def test_queries_have_no_required_values() -> None:
    document = "query ($id: ID) { tasks(filter: {id: {eq: $id}, and: [{}]}) { totalCount } }"
    assert missing(document) == {}
