"""GET /export: the format and content of the file, and access to it."""

import csv
import io
import json
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.data_files import HEADER, ask_for_export, error_of, export, exported
from tests.support.servers import scratch_database, serving, settings_for
from todo_graphql.settings.settings import Settings

MOVE = "mutation ($id: ID!) { moveTask(id: $id) { task { id } } }"


def get(base: str, headers: Any = (), **parameters: Any) -> httpx.Response:
    return plain_http.get(f"{base}/export", params=parameters, headers=headers, timeout=30)


def test_export_contains_all_remaining_tasks_in_manual_order(alice: Person) -> None:
    first = alice.create(
        "Buy milk", description="Oat\nmilk", priority="HIGH", dueOn="2026-01-31", tags=["a", "b,c"]
    )
    second = alice.create("Call", dueAt="2026-01-31T09:30:00+01:00")
    third = alice.create("Trash")
    alice.change("completeTask", first["id"])
    alice.change("deleteTask", third["id"])
    alice.ask(MOVE, id=first["id"])
    now = [alice.find(task["id"]) for task in (second, third, first)]
    fields = HEADER.split(",")
    assert exported(alice) == [{name: task[name] for name in fields} for task in now]
    assert export(alice, "json").decode().count("\n") == 5


def test_json_export_has_one_line_per_task(alice: Person) -> None:
    assert export(alice) == b'{"version": 1, "tasks": [\n\n]}\n'
    one, two = alice.create("Käse 🧀"), alice.create("two")
    lines = export(alice).decode().split("\n")
    assert lines[0] == '{"version": 1, "tasks": ['
    assert lines[1].startswith(f'{{"id": "{one["id"]}", "title": "Käse 🧀", "description": null')
    assert lines[1].endswith("},")
    assert json.loads(lines[2])["id"] == two["id"]
    assert lines[3:] == ["]}", ""]


def test_csv_export_has_bom_header_and_quoting(alice: Person) -> None:
    assert export(alice, "csv") == b"\xef\xbb\xbf" + HEADER.encode() + b"\r\n"
    task = alice.create('a "b", c', description="1\n2", tags=["x", 'y"z', "u,v"], priority="LOW")
    content = export(alice, "csv").decode("utf-8-sig")
    assert content.startswith(f'{HEADER}\r\n{task["id"]},"a ""b"", c","1\n2",LOW,,,')
    (row,) = csv.DictReader(io.StringIO(content, newline=""))
    assert next(csv.reader([row["tags"]])) == ["x", 'y"z', "u,v"]
    assert row["createdAt"] == task["createdAt"]


def test_csv_export_escapes_formulas(alice: Person) -> None:
    alice.create("=A1", description="@x", tags=["+t", "=u"])
    (row,) = csv.DictReader(io.StringIO(export(alice, "csv").decode("utf-8-sig"), newline=""))
    assert (row["title"], row["description"], row["tags"]) == ("'=A1", "'@x", "'+t,=u")


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("json", "application/json; charset=utf-8"), ("csv", "text/csv; charset=utf-8")],
)
def test_export_is_an_uncached_attachment(alice: Person, kind: str, media_type: str) -> None:
    response = ask_for_export(alice, format=kind)
    assert response.headers["content-type"] == media_type
    assert response.headers["content-disposition"] == f'attachment; filename="tasks.{kind}"'
    assert response.headers["cache-control"] == "no-store"


def test_export_format_defaults_to_json(alice: Person) -> None:
    assert ask_for_export(alice).content == export(alice, "json")


@pytest.mark.parametrize("given", ["xml", "", "JSON", ["json", "csv"], ["csv", "csv"]])
def test_unknown_export_format_is_rejected(alice: Person, given: str | list[str]) -> None:
    error = error_of(ask_for_export(alice, format=given))
    assert (error["code"], error["status"], error["field"]) == ("BAD_USER_INPUT", 400, "format")


def test_export_without_token_is_rejected(url: str) -> None:
    response = get(url, format="nonsense")
    assert error_of(response)["code"] == "UNAUTHENTICATED"
    assert "error=" not in response.headers["www-authenticate"]


def test_export_with_invalid_token_is_rejected(url: str, alice: Person) -> None:
    response = get(url, {"Authorization": "Bearer nonsense"})
    assert error_of(response)["code"] == "UNAUTHENTICATED"
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    twice = get(url, [("Authorization", f"Bearer {alice.token}")] * 2)
    assert twice.status_code == 401


def test_export_contains_only_tasks_of_the_caller(alice: Person, mallory: Person) -> None:
    alice.create("Alice's")
    for kind in ("json", "csv"):
        assert b"Alice" not in export(mallory, kind)
    mallory.create("Mallory's")
    assert [task["title"] for task in exported(mallory)] == ["Mallory's"]
    assert [task["title"] for task in exported(alice)] == ["Alice's"]


def test_cors_allows_export_for_configured_origin(settings: Settings) -> None:
    app = "https://app.example.com"
    own = settings.model_copy(update={"cors_origins": (app,)})
    with serving(own) as base:
        preflighted = httpx.options(
            f"{base}/export",
            headers={
                "Origin": app,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "authorization",
            },
        )
        token = Person(base, own).token
        response = get(base, {"Authorization": f"Bearer {token}", "Origin": app})
    assert preflighted.status_code == 200
    assert response.headers["access-control-allow-origin"] == app
    assert "content-disposition" in response.headers["access-control-expose-headers"]


def test_export_requires_readiness(postgresql: SecretStr) -> None:
    with scratch_database(postgresql) as url:
        settings = settings_for(url)
        with serving(settings) as base:
            response = ask_for_export(Person(base, settings))
    assert error_of(response)["code"] == "UNAVAILABLE"
    assert response.headers["retry-after"] == "5"
