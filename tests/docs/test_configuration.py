"""docs/configuration.md: the settings, their defaults and their meanings are those of the code."""

from tests.docs.generated import setting_rows
from tests.support.markdown import table
from tests.support.paths import ROOT

CONFIGURATION = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")


def test_setting_table_is_that_of_the_code() -> None:
    assert table(CONFIGURATION, "name") == setting_rows()
