"""`python -m tests.docs`: write the tables and the answers in documents anew, from the code.

An answer is replaced only where it differs in more than its variable parts.
"""

import tempfile
from pathlib import Path

from tests.docs.generated import error_rows, reason_rows, setting_rows, with_files
from tests.support.commands import Dev
from tests.support.markdown import with_table
from tests.support.paths import ROOT
from tests.support.transcripts import run, steps_of, transcript, with_answers
from todo_graphql.errors import ConflictReason, InputReason

README, GUIDE, CONFIGURATION = "README.md", "docs/guide.md", "docs/configuration.md"
WITH_FILES = (ROOT / "docs/clients.md", ROOT / "docs/sync.md")


def main() -> None:
    """Write all of them."""
    for name, column, rows in (
        (GUIDE, "code", error_rows()),
        (GUIDE, "reason of `BAD_USER_INPUT`", reason_rows(InputReason)),
        (GUIDE, "reason of `CONFLICT`", reason_rows(ConflictReason)),
        (CONFIGURATION, "name", setting_rows()),
    ):
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        path.write_text(with_table(text, column, rows), encoding="utf-8")
    for path in WITH_FILES:
        path.write_text(with_files(path.read_text(encoding="utf-8")), encoding="utf-8")
    for name in (README, GUIDE):
        write_answers(ROOT / name)


def write_answers(path: Path) -> None:
    """Run the examples of a document as a new user, and write their answers into it."""
    text = path.read_text(encoding="utf-8")
    steps = steps_of(text)
    with (
        tempfile.TemporaryDirectory(prefix="todo-", ignore_cleanup_errors=True) as folder,
        Dev(Path(folder)) as dev,
    ):
        answers = run(steps, dev.url, dev.token, Path(folder))
    if transcript(steps, answers) != transcript(steps, [step.answer for step in steps]):
        path.write_text(with_answers(text, steps, answers), encoding="utf-8")


if __name__ == "__main__":
    main()
