"""docs/guide.md: its examples are run, and its errors and addresses are compared with the code."""

import re
from pathlib import Path

import pytest

from tests.docs.generated import error_rows, reason_rows
from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.markdown import code, table
from tests.support.paths import ROOT
from tests.support.servers import serving
from tests.support.transcripts import run, steps_of, transcript
from todo_graphql.api.documents import limits
from todo_graphql.errors import ConflictReason, InputReason
from todo_graphql.server.endpoints.import_body import BODY_SECONDS, MAX_IMPORT_BYTES
from todo_graphql.server.endpoints.import_tasks import IMPORT_SECONDS, MAX_IMPORT_TASKS
from todo_graphql.server.protocol.limits import UPLOAD_RATE
from todo_graphql.settings.settings import Settings
from todo_graphql.store import models

PACE = (
    f"{UPLOAD_RATE.grace_seconds:g} s, and one more for each {UPLOAD_RATE.bytes_per_second // 1000}"
)

GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")


def test_responses_match_the_guide(settings: Settings, tmp_path: Path) -> None:
    steps = steps_of(GUIDE)
    assert len(steps) >= 20
    with serving(settings.model_copy(update={"expose_cost": True})) as url:
        answers = run(steps, url, Person(url, settings).token, tmp_path)
    assert transcript(steps, answers) == transcript(steps, [step.answer for step in steps])


def test_errors_table_matches_the_code() -> None:
    assert table(GUIDE, "code") == error_rows()
    assert table(GUIDE, "reason of `BAD_USER_INPUT`") == reason_rows(InputReason)
    assert table(GUIDE, "reason of `CONFLICT`") == reason_rows(ConflictReason)


@pytest.mark.parametrize(
    "name", ["characters", "fields", "aliases", "root fields", "directives", "fragments"]
)
def test_document_limit_is_that_of_the_code(name: str) -> None:
    (shown,) = re.findall(rf"^\| {name}\b.*\| ([\d,]+) \|$", GUIDE, re.MULTILINE)
    assert number(shown) == getattr(limits, f"MAX_{name.upper().replace(' ', '_')}")


def test_configurable_limits_are_defaults_of_the_code() -> None:
    shown = re.findall(r"^\| .*\(`(MAX_\w+)`\) \| ([\d,]+) \|$", GUIDE, re.MULTILINE)
    assert len(shown) == 5
    for name, value in shown:
        assert number(value) == Settings.model_fields[name.lower()].default, name


@pytest.mark.parametrize(
    "row",
    [
        f"| file | {MAX_IMPORT_BYTES // 2**20} MiB, {MAX_IMPORT_TASKS:,} tasks |",
        f"| upload | {BODY_SECONDS:g} s in all; {PACE} kB received |",
        f"| processing | {IMPORT_SECONDS:g} s |",
        f"| `title` | 1 to {models.TITLE_MAX_LENGTH} characters after trimming |",
        f"| `tags` | {models.TASK_MAX_TAGS} tags of 1 to {models.TAG_MAX_LENGTH} characters |",
        f"| `description` | {models.DESCRIPTION_MAX_LENGTH:,} characters |",
    ],
)
def test_limit_of_tasks_is_that_of_the_code(row: str) -> None:
    assert row in GUIDE.splitlines()


def number(text: str) -> int:
    """Return a number that is written with commas."""
    return int(text.replace(",", ""))


def test_get_paths_respond(url: str, alice: Person) -> None:
    paths = {path for text in code(GUIDE) for path in re.findall(r"^GET (/\S+)$", text)}
    assert paths == {"/export", "/export?format=csv", "/graphql?query={__typename}"}
    headers = {"Authorization": f"Bearer {alice.token}"}
    statuses = [plain_http.get(f"{url}{path}", headers=headers).status_code for path in paths]
    assert statuses == [200] * len(paths)
