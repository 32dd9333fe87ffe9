"""Examples in documents: requests with the answers that are shown below them, run and compared.

A `console` block holds shell commands. A `graphql` block holds an operation, and the `json` block
after it the answer; a `json variables` block between them holds the variables.
"""

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support import plain_http
from tests.support.commands import PATIENCE

COMMAND = Path(sys.executable).with_name("todo-graphql")

SHOWN_URL = "http://127.0.0.1:8000"
SHOWN_COMMAND = ".venv/bin/todo-graphql"

END_OF_ANSWER = "-- end of answer --"

FENCE = re.compile(r"^```(\w+(?: variables)?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# The parts of an answer that differ from run to run. Equal UUIDs have equal placeholders.
VARIABLE = re.compile(
    r'(?<=ursor":")(?P<cursor>[^"]+)'
    r"|(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"
    r"|(?P<token>eyJ[\w.-]*…?)"
    r'|(?<="remaining":)(?P<budget>\d+)'
    r"|(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)

# The options of curl that the documents use, for machines without curl.
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


class Step(NamedTuple):
    """One example: a shell command or an operation, and the answer that the document shows."""

    kind: str
    request: str
    variables: str
    answer: str
    start: int
    """The offset of the shown answer in the document."""
    end: int


def steps_of(text: str) -> list[Step]:
    """Return the examples of a document in their order."""
    steps: list[Step] = []
    operation, variables = "", "{}"
    for fence in FENCE.finditer(text):
        kind, content = fence[1], fence[2]
        if kind == "console":
            steps += _commands_of(content, fence.start(2))
        elif kind == "graphql":
            operation, variables = content, "{}"
        elif kind == "json variables":
            variables = content
        elif kind == "json" and operation:
            steps.append(Step("graphql", operation, variables, content, *fence.span(2)))
            operation = ""
    return steps


def _commands_of(content: str, start: int) -> Iterator[Step]:
    # A command begins with `$ `. Indented lines continue it until the answer begins.
    for match in re.finditer(r"^\$ (.*\n(?:    .*\n)*)((?:(?!\$ ).*\n)*)", content, re.MULTILINE):
        first, last = match.span(2)
        yield Step("console", match[1].rstrip(), "{}", match[2], start + first, start + last)


def run(steps: Iterable[Step], url: str, token: str, folder: Path) -> list[str]:
    """Run examples in their order, and return their answers.

    Adjacent commands share a shell, in which `TOKEN` is set.
    """
    answers: list[str] = []
    for kind, group in itertools.groupby(steps, lambda step: step.kind):
        if kind == "console":
            answers += _run_commands([step.request for step in group], url, token, folder)
        else:
            answers += [_post(step, url, token) for step in group]
    return answers


def _post(step: Step, url: str, token: str) -> str:
    body = {"query": step.request, "variables": json.loads(step.variables)}
    headers = {"Authorization": f"Bearer {token}"}
    answer = plain_http.post(f"{url}/graphql", json=body, headers=headers, timeout=PATIENCE).json()
    answer.pop("extensions", None)  # the cost, which `dev` adds
    return json.dumps(answer)


def _run_commands(commands: Iterable[str], url: str, token: str, folder: Path) -> list[str]:
    if shutil.which("curl") is None:
        write_curl(folder)
    here = [
        command.replace(SHOWN_URL, url).replace(SHOWN_COMMAND, shlex.quote(str(COMMAND)))
        for command in commands
    ]
    finished = subprocess.run(
        ["bash", "-c", "".join(f"{it}\nprintf '\\n{END_OF_ANSWER}\\n'\n" for it in here)],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "TOKEN": token,
            "no_proxy": "127.0.0.1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert finished.stderr == ""
    return [it.strip("\ufeff\n") for it in finished.stdout.split(END_OF_ANSWER)[:-1]]


def write_curl(folder: Path) -> Path:
    """Write an executable stand-in for curl, and return its path."""
    script = folder / "curl"
    script.write_text(CURL, encoding="utf-8")
    script.chmod(0o755)
    return script


def transcript(steps: Iterable[Step], answers: Iterable[str]) -> str:
    """Return examples with these answers as text, with placeholders for their variable parts."""
    numbers: dict[str, int] = {}

    def placeholder(match: re.Match[str]) -> str:
        if match.lastgroup != "id":
            return f"<{match.lastgroup}>"
        return f"<id {numbers.setdefault(match[0], len(numbers) + 1)}>"

    pairs = zip(steps, answers, strict=True)
    text = "".join(f"$ {step.request}\n{_comparable(answer)}\n" for step, answer in pairs)
    return VARIABLE.sub(placeholder, text)


def _comparable(answer: str) -> str:
    # The layout of JSON does not count. Other answers are compared by their lines.
    try:
        return json.dumps(json.loads(answer), separators=(",", ":"), ensure_ascii=False)
    except ValueError:
        return "\n".join(line.rstrip() for line in answer.strip().splitlines())


def with_answers(text: str, steps: Iterable[Step], answers: Iterable[str]) -> str:
    """Return a document with other answers."""
    pieces, position = [], 0
    for step, answer in zip(steps, answers, strict=True):
        shown = answer
        if step.kind == "graphql":
            shown = layout(json.loads(answer))
        elif '"endCursor":"' in answer:
            shown = re.sub(r'(?<="endCursor":".{4})[^"]*', "…", answer)
        pieces += [text[position : step.start], f"{shown}\n" if shown else ""]
        position = step.end
    return "".join([*pieces, text[position:]])


def layout(value: object, indent: str = "", before: int = 0) -> str:
    """Return JSON whose objects and arrays are on one line each where they fit."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(indent) + before + len(flat) <= 100 or not isinstance(value, dict | list) or not value:
        return flat
    if isinstance(value, dict) and len(value) == 1:
        ((name, only),) = value.items()
        return f"{{{json.dumps(name)}: {layout(only, indent, before + len(name) + 6)}}}"
    inner = indent + "  "
    if isinstance(value, list):
        lines = [inner + layout(item, inner) for item in value]
        return "[\n" + ",\n".join(lines) + f"\n{indent}]"
    members = [(json.dumps(name), item) for name, item in value.items()]
    lines = [f"{inner}{name}: {layout(item, inner, len(name) + 3)}" for name, item in members]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
