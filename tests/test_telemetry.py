"""OpenTelemetry's own variables: what is wrong in them is said before anything starts."""

from pathlib import Path

import pytest

from tests.commands import refusal
from tests.servers import SECRET
from todo_graphql.config import ConfigurationError, Settings
from todo_graphql.telemetry import Telemetry, refuse_unusable

COLLECTOR = "http://127.0.0.1:1"
SOMEWHERE = "postgresql://127.0.0.1:1/nothing"

GOOD = [
    ("OTEL_TRACES_SAMPLER", "ParentBased_TraceIdRatio"),
    ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    ("OTEL_RESOURCE_ATTRIBUTES", "a=b,c=d=e,"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x"),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5"),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "5"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", " gzip"),
    ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"),
    ("OTEL_BSP_SCHEDULE_DELAY", "1"),
    ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "512"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2048"),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "0"),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0"),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0"),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "0"),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "0"),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "0"),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "0"),
]

BAD = [
    *((name, "swordfish") for name, _ in GOOD),
    ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "inf"),
    ("OTEL_BSP_SCHEDULE_DELAY", "0"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2049"),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "-1"),
]


def settings_to(url: str | None) -> Settings:
    """Settings of a server that sends its traces there."""
    return Settings.from_environment(otel_exporter_otlp_endpoint=url)


def test_all_variables_are_tested() -> None:
    assert [name.lower() for name, _ in GOOD] == list(Telemetry.model_fields)


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_a_good_value(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    refuse_unusable(settings_to(COLLECTOR))


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the variable's name, and not with its value."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as refused:
        refuse_unusable(settings_to(COLLECTOR))
    sentence = str(refused.value)
    assert sentence.startswith(f"{name} is not usable: ")
    assert "\n" not in sentence
    assert "swordfish" not in sentence
    refuse_unusable(settings_to(None))  # nobody reads them where there are no traces


def test_a_queue_that_is_shorter_than_what_is_sent_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100")
    with pytest.raises(ConfigurationError, match=r"^OTEL_BSP_MAX_EXPORT_BATCH_SIZE is not usable"):
        refuse_unusable(settings_to(COLLECTOR))


@pytest.mark.parametrize(
    "url", ["swordfish", "http://", "ftp://swordfish", "http://a:0", "http://a:99999", "http://[a"]
)
def test_a_collector_that_cannot_be(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT is ") as refused:
        refuse_unusable(settings_to(url))
    assert "swordfish" not in str(refused.value)


@pytest.mark.parametrize("command", ["serve", "dev"])
def test_nothing_is_started(command: str, tmp_path: Path) -> None:
    """Neither several processes, which would end one after the other, nor a PostgreSQL."""
    given = {} if command == "dev" else {"DATABASE_URL": SOMEWHERE, "BETTER_AUTH_SECRET": SECRET}
    given |= {"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR, "OTEL_BSP_SCHEDULE_DELAY": "abc"}
    arguments = (command, "--port", "0") + (("--workers", "2") if command == "serve" else ())
    sentence = refusal(*arguments, folder=tmp_path, **given)
    assert sentence.startswith("OTEL_BSP_SCHEDULE_DELAY is not usable: ")
    assert not (tmp_path / ".todo-graphql/postgres").exists()
