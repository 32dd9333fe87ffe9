"""README.md: its commands are executed, and its tables and names are compared with the code."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import click
import httpx

from tests.support.api_client import Person
from tests.support.commands import PATIENCE, Dev
from tests.support.paths import ROOT
from todo_graphql.cli import main
from todo_graphql.errors import ErrorCode
from todo_graphql.settings.settings import Settings

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND = Path(sys.executable).with_name("todo-graphql")

# Placeholders in the README for values that differ from run to run.
SHOWN_URL = "http://127.0.0.1:8000"
SHOWN_COMMAND = ".venv/bin/todo-graphql"

ANSWERED = "-- answered --"

# Values that differ from run to run. Equal UUIDs become equal numbers.
VARIABLE = re.compile(
    r'(?<="endCursor":")(?P<cursor>[^"]+)'
    r"|(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"
    r"|(?P<token>eyJ[\w.-]*…?)"
    r"|(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)

# A stand-in for curl, with the options of the tour.
CURL = f"""#!{sys.executable}
import argparse, sys, urllib.error, urllib.request
parser = argparse.ArgumentParser()
parser.add_argument("-s", action="store_true")
parser.add_argument("-H", action="append", default=[])
parser.add_argument("-d", type=str.encode)
parser.add_argument("url")
given = parser.parse_args()
headers = dict(line.split(": ", 1) for line in given.H)
try:
    answer = urllib.request.urlopen(urllib.request.Request(given.url, given.d, headers))
except urllib.error.HTTPError as refusal:
    answer = refusal
sys.stdout.buffer.write(answer.read())
"""


def blocks(language: str) -> list[str]:
    """Return the contents of the fenced blocks in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def code() -> list[str]:
    """Return all code: blocks, and words between backticks."""
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    return [*blocks(r"\w+"), *re.findall(r"`([^`\n]+)`", prose)]


def table(first_column: str) -> list[str]:
    """Return the rows of the table whose first column has this heading."""
    pattern = rf"^\| {first_column} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)"
    (rows,) = re.findall(pattern, README, re.MULTILINE)
    return str(rows).splitlines()


def tour() -> list[tuple[str, str]]:
    """Return the commands of the quick tour, each with the response below it.

    A command begins behind `$ `; indented lines continue it.
    """
    steps: list[tuple[str, str]] = []
    for line in "".join(blocks("console")).splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], ""))
        else:
            command, answer = steps.pop()
            is_command = line.startswith("    ") and not answer
            steps.append((f"{command}\n{line}", "") if is_command else (command, answer + line))
    return steps


def transcript(commands: Iterable[str], answers: Iterable[str]) -> str:
    """Format the tour as text, with placeholders for values that differ from run to run."""
    numbers: dict[str, int] = {}

    def placeholder(match: re.Match[str]) -> str:
        if match.lastgroup != "id":
            return f"<{match.lastgroup}>"
        return f"<id {numbers.setdefault(match[0], len(numbers) + 1)}>"

    steps = zip(commands, answers, strict=True)
    text = "".join(f"$ {command}\n{answer}\n" for command, answer in steps)
    return VARIABLE.sub(placeholder, text)


def write_curl(folder: Path) -> Path:
    """Write the stand-in for curl as an executable."""
    script = folder / "curl"
    script.write_text(CURL, encoding="utf-8")
    script.chmod(0o755)
    return script


def run(commands: Iterable[str], folder: Path) -> list[str]:
    """Run all commands in one bash, and return the output of each."""
    if shutil.which("curl") is None:
        write_curl(folder)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    finished = subprocess.run(
        ["bash", "-c", "".join(f"{command}\nprintf '\\n{ANSWERED}\\n'\n" for command in commands)],
        cwd=folder,
        env={**os.environ, "PATH": path, "no_proxy": "127.0.0.1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert finished.stderr == ""
    return [answer.strip() for answer in finished.stdout.split(ANSWERED)[:-1]]


def test_quick_tour_responses_match_the_readme() -> None:
    commands, shown = zip(*tour(), strict=True)
    with (
        tempfile.TemporaryDirectory(prefix="todo-", ignore_cleanup_errors=True) as folder,
        Dev(Path(folder)) as dev,
    ):
        here = [
            command.replace(SHOWN_URL, dev.url).replace(SHOWN_COMMAND, shlex.quote(str(COMMAND)))
            for command in commands
        ]
        answers = run(here, Path(folder))
        assert dev.stop() == 0, dev.output
    assert transcript(commands, answers) == transcript(commands, shown)
    for part in ("createTask", "tasks", "updateTask", "NOT_FOUND", "FORBIDDEN"):
        assert f'"{part}"' in "".join(shown)


def test_curl_stand_in_prints_the_response(tmp_path: Path, url: str, alice: Person) -> None:
    curl = write_curl(tmp_path)
    for authorization in (f"Bearer {alice.token}", "Bearer nonsense"):
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        body = '{"query": "{ me { id } }"}'
        options = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
        printed = subprocess.check_output([curl, "-s", f"{url}/graphql", *options, "-d", body])
        assert printed == httpx.post(f"{url}/graphql", content=body, headers=headers).content


def test_settings_table_matches_the_code() -> None:
    assert table("name") == [
        f"| `{name.upper()}` | {shown_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]


def shown_default(value: object) -> str:
    """Format a default as in a shell."""
    if value is None or value == ():
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_errors_table_matches_the_code() -> None:
    assert table("code") == [
        f"| `{code.name}` | {code.status} | {code.meaning} |" for code in ErrorCode
    ]


def options_of(command: click.Command) -> set[str]:
    """Return the names of a command's options."""
    return {name for parameter in command.params for name in parameter.opts}


def mentioned(text: str) -> list[tuple[str, set[str]]]:
    """Return every `todo-graphql COMMAND` in a text, with its options."""
    found = re.findall(r"todo-graphql ([a-z]+)(.*)", text)
    return [(name, set(re.findall(r"--[a-z-]+", rest))) for name, rest in found]


def test_commands_table_matches_the_code() -> None:
    assert sorted(mentioned("\n".join(table("command")))) == sorted(
        (name, options_of(command)) for name, command in main.commands.items()
    )


def test_named_commands_exist() -> None:
    named = [mention for text in code() for mention in mentioned(text)]
    assert named
    for name, options in named:
        assert name in main.commands
        assert options <= {*options_of(main.commands[name]), "--help"}, name


def test_named_make_targets_exist() -> None:
    named = {name for text in code() for name in re.findall(r"\bmake ([a-z][\w.]*)", text)}
    assert {"dev", "test"} <= named
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert named <= set(re.findall(r"^([a-z][\w.]*):", makefile, re.MULTILINE))


def test_roles_of_migrations_are_named() -> None:
    migrations = "".join(file.read_text() for file in (ROOT / "alembic/versions").glob("*.py"))
    roles = re.findall(r"CREATE ROLE (\w+)", migrations)
    readme = README.replace("\n", " ")
    (sentence,) = re.findall(r"The roles ([^.]*) may stay:", readme)
    assert re.findall(r"`(\w+)`", sentence) == sorted(roles)
    assert f"`DROP ROLE IF EXISTS {', '.join(sorted(roles))}`" in readme


def test_get_paths_respond(url: str, alice: Person) -> None:
    paths = [path for text in code() for path in re.findall(r"^GET (/\S+)$", text)]
    assert paths == ["/export", "/export?format=csv", "/health/live", "/health/ready"]
    headers = {"Authorization": f"Bearer {alice.token}"}
    statuses = [httpx.get(f"{url}{path}", headers=headers).status_code for path in paths]
    assert statuses == [200] * len(paths)


def test_named_paths_exist() -> None:
    (layout,) = blocks("text")
    links = re.findall(r"\]\((?!https://)([^)#]+)", README)
    paths = [*(line.split()[0] for line in layout.splitlines()), *links]
    assert len(paths) >= 10
    assert [path for path in paths if not (ROOT / path).exists()] == []
