"""docs/clients.md and docs/sync.md: their set-ups are the files that `make clients` tests."""

import pytest

from tests.docs.generated import included_files, with_files
from tests.support.paths import ROOT

CLIENTS, SYNC = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("docs/clients.md", "docs/sync.md")
)


@pytest.mark.parametrize("text", [CLIENTS, SYNC], ids=["clients", "sync"])
def test_code_blocks_are_the_tested_files(text: str) -> None:
    assert with_files(text) == text


def test_every_code_block_of_sync_is_a_tested_file() -> None:
    assert SYNC.count("\n```js\n") == SYNC.count("\n```\n") == len(included_files(SYNC))


def test_every_setup_is_documented() -> None:
    folder = ROOT / "tests/clients/setup"
    setups = {path.relative_to(ROOT).as_posix() for path in folder.glob("*.js")}
    assert len(setups) >= 6
    assert setups <= set(included_files(CLIENTS)) | set(included_files(SYNC))


def test_planted_difference_is_found() -> None:
    path = "tests/clients/tada/graphql.ts"
    planted = f"[graphql.ts](../{path}), here:\n\n```ts\nconst other = 1;\n```\n"
    assert included_files(planted) == [path]
    assert (ROOT / path).read_text(encoding="utf-8") in with_files(planted)
