"""Files of tasks: export, import and their errors over HTTP."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx

from tests.support import plain_http
from tests.support.api_client import Person

TYPES = {"json": "application/json", "csv": "text/csv"}
HEADER = "id,title,description,priority,dueOn,dueAt,tags,completedAt,createdAt,deletedAt"


def ask_for_export(who: Person, **parameters: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {who.token}"}
    return plain_http.get(f"{who.url}/export", params=parameters, headers=headers, timeout=60)


def export(who: Person, kind: str = "json") -> bytes:
    """Return the content of the user's export."""
    response = ask_for_export(who, format=kind)
    assert response.status_code == 200, response.text
    return response.content


def exported(who: Person) -> Any:
    """Return the tasks of the user's export in JSON."""
    return json.loads(export(who))["tasks"]


def titles(who: Person) -> list[str]:
    """Return the titles of all tasks, in the manual order."""
    return [task["title"] for task in exported(who)]


def send(
    who: Person, content: bytes | str | Iterator[bytes], kind: str = "json", **headers: str
) -> httpx.Response:
    return plain_http.post(
        f"{who.url}/import",
        content=content,
        headers={
            "Authorization": f"Bearer {who.token}",
            "Content-Type": TYPES.get(kind, kind),
            **headers,
        },
        timeout=120,
    )


def imported(who: Person, content: bytes | str, kind: str = "json") -> Any:
    """Import a file, assert that it succeeds, and return the response."""
    response = send(who, content, kind)
    assert response.status_code == 200, response.text
    return response.json()


def error_of(response: httpx.Response) -> dict[str, Any]:
    """Return the extensions and the message of a response's only error."""
    (error,) = response.json()["errors"]
    assert error["extensions"]["status"] == response.status_code
    return {**error["extensions"], "message": error["message"]}


def refusal(who: Person, content: bytes | str, kind: str = "json") -> dict[str, Any]:
    """Return the error of an import, which must leave tasks and revision unchanged."""
    before = who.revision(), export(who)
    error = error_of(send(who, content, kind))
    assert (who.revision(), export(who)) == before
    return error


def forget(who: Person) -> None:
    """Delete the user's account."""
    who.ask("mutation ($id: String!) { deleteAccount(confirm: $id) { userId } }", id=who.id)


def csv_of(*rows: dict[str, str]) -> str:
    """Return a CSV file with the columns of the first row."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
