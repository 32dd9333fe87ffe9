"""docs/clients.md: its set-ups are the files that `make clients` tests."""

from tests.docs.generated import included_files, with_files
from tests.support.paths import ROOT

CLIENTS = (ROOT / "docs/clients.md").read_text(encoding="utf-8")


def test_code_blocks_are_the_tested_files() -> None:
    assert with_files(CLIENTS) == CLIENTS


def test_every_setup_is_documented() -> None:
    folder = ROOT / "tests/clients/setup"
    setups = {path.relative_to(ROOT).as_posix() for path in folder.glob("*.js")}
    assert len(setups) >= 6
    assert setups <= set(included_files(CLIENTS))


def test_planted_difference_is_found() -> None:
    path = "tests/clients/tada/graphql.ts"
    planted = f"[graphql.ts](../{path}), here:\n\n```ts\nconst other = 1;\n```\n"
    assert included_files(planted) == [path]
    assert (ROOT / path).read_text(encoding="utf-8") in with_files(planted)
