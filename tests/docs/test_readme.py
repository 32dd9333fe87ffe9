"""README.md: its tour is run, and its commands, targets and paths are compared with the code."""

import re
import subprocess
import tempfile
from pathlib import Path

import click
import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.commands import Dev
from tests.support.markdown import DOCUMENTS, blocks, code, table
from tests.support.paths import ROOT
from tests.support.transcripts import run, steps_of, transcript, write_curl
from todo_graphql.cli import main

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAX_LINES = 200


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= MAX_LINES


@pytest.mark.no_cover
def test_quick_tour_responses_match_the_readme() -> None:
    steps = steps_of(README)
    with (
        tempfile.TemporaryDirectory(prefix="todo-", ignore_cleanup_errors=True) as folder,
        Dev(Path(folder)) as dev,
    ):
        answers = run(steps, dev.url, dev.token, Path(folder))
        assert dev.stop() == 0, dev.output
    shown = [step.answer for step in steps]
    assert transcript(steps, answers) == transcript(steps, shown)
    for part in ("createTask", "tasks", "updateTask", "NOT_FOUND", "FORBIDDEN"):
        assert f'"{part}"' in "".join(shown)


def test_curl_stand_in_prints_the_response(tmp_path: Path, url: str, alice: Person) -> None:
    curl = write_curl(tmp_path)
    for authorization in (f"Bearer {alice.token}", "Bearer nonsense"):
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        body = '{"query": "{ me { id } }"}'
        options = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
        printed = subprocess.check_output([curl, "-s", f"{url}/graphql", *options, "-d", body])
        assert printed == plain_http.post(f"{url}/graphql", content=body, headers=headers).content


def options_of(command: click.Command) -> set[str]:
    """Return the names of a command's own options."""
    return {name for parameter in command.params for name in parameter.opts}


def mentioned(text: str) -> list[tuple[str, set[str]]]:
    """Return each `todo-graphql COMMAND` in a text, with the options after it."""
    found = re.findall(r"todo-graphql ([a-z-]+)(.*)", text)
    return [(name, set(re.findall(r"--[a-z-]+", rest))) for name, rest in found]


def test_commands_table_matches_the_code() -> None:
    assert sorted(mentioned("\n".join(table(README, "command")))) == sorted(
        (name, options_of(command)) for name, command in main.commands.items()
    )


def test_named_commands_exist() -> None:
    guides = [ROOT / "docs" / f"{name}.md" for name in ("guide", "authentication", "configuration")]
    texts = [README, *(guide.read_text(encoding="utf-8") for guide in guides)]
    named = [mention for text in texts for part in code(text) for mention in mentioned(part)]
    assert named
    for name, options in named:
        assert name in main.commands
        assert options <= {*options_of(main.commands[name]), "--help"}, name


def test_named_make_targets_exist() -> None:
    texts = [document.read_text(encoding="utf-8") for document in DOCUMENTS]
    parts = [part for text in texts for part in code(text)]
    named = {name for part in parts for name in re.findall(r"\bmake ([a-z][\w.]*)", part)}
    assert {"dev", "test"} <= named
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert named <= set(re.findall(r"^([a-z][\w.]*):", makefile, re.MULTILINE))


def test_roles_of_migrations_are_named() -> None:
    migrations = "".join(file.read_text() for file in (ROOT / "alembic/versions").glob("*.py"))
    roles = re.findall(r"CREATE ROLE (\w+)", migrations)
    readme = README.replace("\n", " ")
    (sentence,) = re.findall(r"The roles ([^.]*) remain", readme)
    assert re.findall(r"`(\w+)`", sentence) == sorted(roles)
    assert f"`DROP ROLE IF EXISTS {', '.join(sorted(roles))}`" in readme


def test_health_paths_respond(url: str) -> None:
    paths = [path for part in code(README) for path in re.findall(r"^GET (/\S+)$", part)]
    assert paths == ["/health/live", "/health/ready"]
    assert [plain_http.get(f"{url}{path}").status_code for path in paths] == [200, 200]


def test_named_paths_exist() -> None:
    (layout,) = blocks(README, "text")
    paths = [line.split()[0] for line in layout.splitlines()]
    assert len(paths) >= 10
    assert [path for path in paths if not (ROOT / path).exists()] == []
