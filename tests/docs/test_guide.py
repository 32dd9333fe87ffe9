"""docs/guide.md: its examples are run, and its errors and addresses are compared with the code."""

import re
from pathlib import Path

import httpx
import pytest

from tests.docs.generated import error_rows
from tests.support.api_client import Person
from tests.support.markdown import code, table
from tests.support.paths import ROOT
from tests.support.servers import serving
from tests.support.transcripts import run, steps_of, transcript
from todo_graphql.api.documents import limits
from todo_graphql.settings.settings import Settings

GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")


def test_answers_are_real(settings: Settings, tmp_path: Path) -> None:
    steps = steps_of(GUIDE)
    assert len(steps) >= 20
    with serving(settings.model_copy(update={"expose_cost": True})) as url:
        answers = run(steps, url, Person(url, settings).token, tmp_path)
    assert transcript(steps, answers) == transcript(steps, [step.answer for step in steps])


def test_error_table_is_that_of_the_code() -> None:
    assert table(GUIDE, "code") == error_rows()


@pytest.mark.parametrize(
    "name", ["characters", "fields", "aliases", "root fields", "directives", "fragments"]
)
def test_document_limit_is_that_of_the_code(name: str) -> None:
    (shown,) = re.findall(rf"^\| {name}\b.*\| ([\d,]+) \|$", GUIDE, re.MULTILINE)
    assert number(shown) == getattr(limits, f"MAX_{name.upper().replace(' ', '_')}")


def test_configurable_limits_are_defaults_of_the_code() -> None:
    shown = re.findall(r"^\| .*\(`(MAX_\w+)`\) \| ([\d,]+) \|$", GUIDE, re.MULTILINE)
    assert len(shown) == 4
    for name, value in shown:
        assert number(value) == Settings.model_fields[name.lower()].default, name


def number(text: str) -> int:
    """Return a number that is written with commas."""
    return int(text.replace(",", ""))


def test_addresses_answer(url: str, alice: Person) -> None:
    paths = {path for text in code(GUIDE) for path in re.findall(r"^GET (/\S+)$", text)}
    assert paths == {"/export", "/export?format=csv"}
    headers = {"Authorization": f"Bearer {alice.token}"}
    statuses = [httpx.get(f"{url}{path}", headers=headers).status_code for path in paths]
    assert statuses == [200] * len(paths)
