"""docs/configuration.md: the settings, their defaults and their meanings are those of the code."""

import re

from tests.docs.generated import setting_rows
from tests.support.markdown import table
from tests.support.paths import ROOT
from todo_graphql.errors import ErrorCode, InputReason
from todo_graphql.settings.settings import Settings

CONFIGURATION = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
GUIDES = ("guide", "authentication", "configuration")
OTHERS = {"BETTER_AUTH_URL", "OTEL_TRACES_SAMPLER"}
"""Variables of Better Auth and of OpenTelemetry."""


def test_settings_table_matches_the_code() -> None:
    assert table(CONFIGURATION, "name") == setting_rows()


def test_settings_in_readme_and_guides_exist() -> None:
    known = {name.upper() for name in Settings.model_fields}
    known |= ErrorCode.__members__.keys() | InputReason.__members__.keys()
    prefixes = {name.split("_")[0] for name in known if "_" in name}
    names = ["README.md", *(f"docs/{name}.md" for name in GUIDES)]
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in names]
    words = {word for text in texts for word in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text)}
    named = {word for word in words if word.split("_")[0] in prefixes} - OTHERS
    assert len(named) >= 20
    assert named <= known
