"""Compatibility with clients of the first release."""

import pytest
from graphql import parse, validate

from tests.support.isolation import SCHEMA

FIRST_RELEASE = {
    "all queries": """
        query ($id: ID!, $me: ID, $filter: TaskFilter, $n: Int, $cursor: String) {
          me { __typename id email createdAt revision
            tasks(filter: $filter, first: $n, after: $cursor, last: $n, before: $cursor) {
              totalCount }
          }
          node(id: $id) { id ... on Task { title } ... on User { email } }
          task(id: $id, userId: $me) { ...all user { id } }
          tasks(
            userId: $me
            filter: {completed: true, trashed: false}
            first: $n after: $cursor last: $n before: $cursor
          ) {
            edges { cursor node { ...all } }
            nodes { ...all }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
            totalCount
          }
        }
        fragment all on Task {
          id title description completed completedAt createdAt updatedAt deletedAt revision
        }
    """,
    "all mutations": """
        mutation ($id: ID!, $me: ID, $new: CreateTaskInput!, $changes: UpdateTaskInput!) {
          a: createTask(input: $new, userId: $me) { task { id } }
          b: createTask(input: {id: "x", title: "x", description: null}) { task { id } }
          c: updateTask(id: $id, input: $changes, userId: $me) { task { id } }
          d: updateTask(id: $id, input: {title: "x", description: null, expectedRevision: 1}) {
            task { id } }
          completeTask(id: $id, userId: $me) { task { id } }
          reopenTask(id: $id, userId: $me) { task { id } }
          deleteTask(id: $id, userId: $me) { task { id } }
          restoreTask(id: $id, userId: $me) { task { id } }
          purgeTask(id: $id, userId: $me) { taskId }
        }
    """,
}
NON_NULL = {
    "User": {"id", "revision", "tasks"},
    "Task": {"id", "title", "completed", "createdAt", "updatedAt", "revision", "user"},
    "TaskConnection": {"edges", "nodes", "pageInfo", "totalCount"},
    "TaskEdge": {"cursor", "node"},
    "PageInfo": {"hasNextPage", "hasPreviousPage"},
    "Query": {"me", "tasks"},
    "CreateTaskPayload": {"task"},
    "PurgeTaskPayload": {"taskId"},
}


@pytest.mark.parametrize("document", FIRST_RELEASE.values(), ids=FIRST_RELEASE)
def test_documents_of_the_first_release_are_valid(document: str) -> None:
    assert validate(SCHEMA.graphql_schema, parse(document)) == []


@pytest.mark.parametrize("name", NON_NULL)
def test_non_null_fields_stay_non_null(name: str) -> None:
    fields = SCHEMA.graphql_schema.type_map[name].fields  # type: ignore[attr-defined]
    assert {field for field in NON_NULL[name] if not str(fields[field].type).endswith("!")} == set()
