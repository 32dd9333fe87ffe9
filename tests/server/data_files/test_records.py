"""Invalid files: the line, field and message of the error."""

import json

import pytest

from tests.support.api_client import Person
from tests.support.data_files import csv_of, error_of, exported, imported, refusal, send

ID = "d0d0d0d0-0000-4000-8000-000000000001"
OTHER_ID = "d0d0d0d0-0000-4000-8000-000000000002"
DEEP = "[" * 100_000
BAD_JSON: dict[str, tuple[str, int, str | None]] = {
    "empty file": ("", 1, None),
    "string": ('"x"', 1, None),
    "cut off": ('[\n{"title": "x"},\n', 3, None),
    "cut off in a task": ('[\n{"title": "x"},\n{"title": \n', 3, None),
    "cut off after one": ('[\n{"title": "x"}\n\n', 4, None),
    "no comma": ('[\n{"title": "x"}\n{"title": "y"}]', 3, None),
    "extra comma": ('[\n{"title": "x"},\n]', 3, None),
    "data after the end": ("[]\n\n[]", 3, None),
    "no version": ('{"tasks": []\n}', 2, None),
    "no tasks": ('{"version": 1\n}', 2, None),
    "another version": ('{\n"version": 2, "tasks": []}', 2, "version"),
    "version of wrong type": ('{"tasks": [],\n "version": true}', 2, "version"),
    "unknown member": ('{"version": 1,\n"x": 1, "tasks": []}', 2, None),
    "unknown member at the end": ('{"version": 1, "tasks": []\n, "x": 1}', 2, None),
    "no name": ('{"version": 1,\n{}: 1}', 2, None),
    "no colon": ('{"version"\n 1}', 2, None),
    "tasks twice": ('{"tasks": [],\n"tasks": []}', 2, None),
    "tasks that are none": ('{"version": 1, "tasks":\n{}}', 2, "tasks"),
    "no object": ('[\n{"title": "x"},\n\n1]', 4, None),
    "not a number": ('[\n{"title": NaN}]', 2, None),
    "a number too long": ('[\n{"title": %s}]' % ("9" * 5_000), 2, "title"),
    "nesting": ("[\n" + DEEP, 2, None),
    "nesting in a task": ('[\n{"title": ' + DEEP, 2, "title"),
    "nesting that Python 3.13 reads": (
        '[\n{"title": %s}]' % ("[" * 5_000 + "]" * 5_000),
        2,
        "title",
    ),
    "nesting one too deep": ('[\n{"title": %s}]' % ("[" * 100 + "]" * 100), 2, "title"),
    "the deepest nesting": ('[\n{"title": %s}]' % ("[" * 99 + "]" * 99), 2, "title"),
    "an object in a task": ('[\n{"title": {"a": {}}}]', 2, "title"),
    "many strings": ('[\n{"title": "x", "tags": [%s]}]' % ",".join(['"a"'] * 3_000), 2, None),
    "a task too long": ('[\n{"title": "%s"}]' % ("x" * 262_144), 2, None),
    "an escaped name twice": ('[\n{"title": "x:",\n"\\u0074itle": null}]', 2, None),
    "a version twice": ('{"version": 1, "tasks": [],\n"version": 1}', 2, "version"),
    "tasks twice with tasks": ('{"version": 1, "tasks": [],\n"tasks": [{"title": "x"}]}', 2, None),
    "more after the end, beyond ASCII": ('[{"title": "ä"}]\nä', 2, None),
    "a name twice": ('[\n{"title": "x",\n"title": "y"}]', 2, None),
    "another field": ('[\n{"title": "x",\n"updatedAt": null}]', 2, "updatedAt"),
    "a strange field": ('[\n{"title": "x",\n"\\ud800": null}]', 2, None),
    "a title that is none": ('[\n{"title": 1}]', 2, "title"),
    "no title": ("[\n{}]", 2, "title"),
    "tags that are none": ('[\n{"title": "x", "tags": "a"}]', 2, "tags"),
    "a tag that is none": ('[\n{"title": "x", "tags": ["a", 1]}]', 2, "tags.1"),
    "half a pair": ('[\n{"title": "\\ud83e"}]', 2, None),
    "the same id": (
        '[{"title": "x", "id": "%s"},\n{"title": "x", "id": "%s"}]' % (ID, ID.upper()),
        2,
        "id",
    ),
}


@pytest.mark.parametrize("name", BAD_JSON)
def test_invalid_json_file_is_rejected_with_line(alice: Person, name: str) -> None:
    content, line, field = BAD_JSON[name]
    error = refusal(alice, content)
    assert (error["code"], error["status"]) == ("BAD_USER_INPUT", 400)
    assert (error["line"], error.get("field")) == (line, field)
    assert error["message"].startswith(f"Line {line}: ")
    assert len(error["message"]) < 200


BAD_CSV: dict[str, tuple[str, int, str | None]] = {
    "empty file": ("", 1, "title"),
    "no title": ("id,description\n", 1, "title"),
    "unknown column": ("title,Fällig\nx,y", 1, "Fällig"),
    "other separators": ("id|title\n", 1, "title"),
    "column in two cases": ("title,tags,TITLE\n", 1, "title"),
    "duplicate column": ("title,title\n", 1, "title"),
    "too few cells": ("tags,title\na,b\nc\n", 3, "title"),
    "too many cells": ("title\na\nb,c\n", 3, None),
    "too many cells between semicolons": ("title;tags\na\nb;c;d\n", 3, None),
    "cell without a column": ("title,,tags\na,,b\na,b,c\n", 3, None),
    "unclosed quote": ('title\na\n"b\nc\nd\n', 3, None),
    "data after a quote": ('title\na\n"b"c\n', 3, None),
    "cell too long": ("title\na\n" + "b" * 200_000, 3, None),
    "cells without an end": ("title\na\n" + "," * 200_000, 3, None),
    "quoted lines without an end": ('title\na\n"' + "b\n" * 200_000, 3, None),
    "quoted cells without an end": ("title\na\n" + '"\n",' * 200_000, 3, None),
    "after blank rows": (
        "\n\r\ntitle\r" + "\r\n" * 20_000 + '"","",\n,\r' * 20_000 + ",," * 9_000 + "\nb,c",
        60_005,
        None,
    ),
    "invalid tag": ('title,tags\na,"x,,y"\n', 2, "tags.1"),
    "invalid tags": ('title,tags\na,"""x"\n', 2, "tags"),
    "NUL": ("title\na\nb\0\n", 3, "title"),
    "duplicate id": (f"id,title\n,a\n{ID},b\n{OTHER_ID},c\n{ID},d\n", 5, "id"),
    "after multi-line cells": (
        'title,description\n"a","1\n2\r\n3"\n"b","\n"\n,x\n',
        7,
        "title",
    ),
}


@pytest.mark.parametrize("name", BAD_CSV)
def test_invalid_csv_file_is_rejected_with_line(alice: Person, name: str) -> None:
    content, line, field = BAD_CSV[name]
    error = refusal(alice, content, "csv")
    assert (error["code"], error["status"]) == ("BAD_USER_INPUT", 400)
    assert (error["line"], error.get("field")) == (line, field)
    assert error["message"].startswith(f"Line {line}: ")


BAD_VALUES = [
    ("title", "x" * 201, "title", "A title must have at most 200 characters."),
    ("title", " ", "title", "A title must contain at least one visible character."),
    (
        "description",
        "x" * 10_001,
        "description",
        "A description must have at most 10,000 characters.",
    ),
    ("id", "1", "id", "Invalid id: expected a UUID."),
    (
        "priority",
        "high",
        "priority",
        "Invalid priority: expected one of NONE, LOW, MEDIUM, HIGH, URGENT.",
    ),
    ("dueOn", "2026-02-30", "dueOn", "Invalid date: expected a calendar date, such as 2026-01-31."),
    ("dueAt", "2026-01-31", "dueAt", None),
    ("completedAt", "2026-01-31T09:30:00", "completedAt", None),
    ("createdAt", "yesterday", "createdAt", None),
    ("deletedAt", "0001-01-01T00:00:00+23:59", "deletedAt", None),
]


@pytest.mark.parametrize("kind", ["json", "csv"])
@pytest.mark.parametrize(("name", "value", "field", "sentence"), BAD_VALUES)
def test_invalid_value_is_rejected_like_in_the_api(
    alice: Person, kind: str, name: str, value: str, field: str, sentence: str | None
) -> None:
    good = {"title": "good", name: ""} if name != "title" else {"title": "good"}
    bad = {"title": "x", name: value}
    if kind == "csv":
        content, line = csv_of(good, bad), 3
    else:
        content, line = f'[{{"title": "good"}},\n\n{json.dumps(bad, indent=2)}]', 3
    error = refusal(alice, content, kind)
    assert (error["line"], error["field"]) == (line, field)
    if sentence is not None:
        assert error["message"] == f"Line {line}: {sentence}"


def test_due_date_and_due_time_are_exclusive(alice: Person) -> None:
    task = {"title": "x", "dueOn": "2026-01-31", "dueAt": "2026-01-31T09:30:00Z"}
    assert refusal(alice, json.dumps([task]))["field"] == "dueAt"


def test_task_over_tag_limit_is_rejected(alice: Person) -> None:
    many = [str(number) for number in range(21)]
    assert refusal(alice, json.dumps([{"title": "x", "tags": many}]))["field"] == "tags"
    imported(alice, json.dumps([{"title": "x", "tags": many[:20]}]))


def test_invalid_utf_8_is_rejected_with_line(alice: Person) -> None:
    for kind in ("json", "csv"):
        error = error_of(send(alice, b"title\na\n\xff\n", kind))
        assert (error["line"], error["message"]) == (3, "Line 3: The file is not encoded in UTF-8.")


@pytest.mark.parametrize("yes", [True, None])
def test_completed_task_of_json_gets_the_time_of_the_import(alice: Person, yes: object) -> None:
    tasks = [
        {"title": "a", "completed": yes},
        {"title": "b", "completed": True, "completedAt": "2020-01-31T09:30:00Z"},
        {"title": "c", "completed": False},
    ]
    imported(alice, json.dumps(tasks))
    done = {task["title"]: task for task in exported(alice)}
    assert done["a"]["completedAt"] == (done["a"]["createdAt"] if yes else None)
    assert done["b"]["completedAt"] == "2020-01-31T09:30:00.000000Z"
    assert done["c"]["completedAt"] is None


def test_completed_column_of_csv_is_read_in_any_case(alice: Person) -> None:
    imported(alice, "title,Completed\na,TRUE\nb,False\nc,\n", "csv")
    done = {task["title"]: task["completedAt"] is not None for task in exported(alice)}
    assert done == {"a": True, "b": False, "c": False}


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("csv", "title,completed\na,yes\n", "UNKNOWN_VALUE"),
        ("csv", "title,completed,completedAt\na,false,2020-01-31T09:30:00Z\n", "NOT_COMBINABLE"),
        ("json", '[\n{"title": "a", "completed": "true"}]', "INVALID_TYPE"),
        (
            "json",
            '[\n{"title": "a", "completed": false, "completedAt": "2020-01-31T09:30:00Z"}]',
            "NOT_COMBINABLE",
        ),
    ],
)
def test_invalid_completed_is_rejected(alice: Person, kind: str, content: str, reason: str) -> None:
    error = refusal(alice, content, kind)
    assert (error["line"], error["field"], error["reason"]) == (2, "completed", reason)
    assert exported(alice) == []


def test_every_problem_of_a_task_has_its_line(alice: Person) -> None:
    error = refusal(alice, json.dumps([{"title": "", "description": "\0"}]))
    assert [problem["line"] for problem in error["problems"]] == [1, 1]
    assert all(problem["message"].startswith("Line 1: ") for problem in error["problems"])


def test_problem_of_a_document_without_a_field_names_none(alice: Person) -> None:
    error = refusal(alice, "{}")
    assert "field" not in error
    assert error["problems"] == [{name: error[name] for name in ("line", "reason", "message")}]
