"""OpenTelemetry's own variables: invalid ones are reported at startup."""

import json
import logging
import re
import sys
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support.commands import Service, refusal
from tests.support.servers import SECRET, variables_for
from todo_graphql.server.observability.tracing_setup import CANNOT_START, WARNS, check_tracing
from todo_graphql.settings.settings import ConfigurationError, Settings

COLLECTOR = "http://127.0.0.1:1"
SOMEWHERE = "postgresql://127.0.0.1:1/nothing"

GOOD = {
    "OTEL_TRACES_SAMPLER": "ParentBased_TraceIdRatio",
    "OTEL_TRACES_SAMPLER_ARG": "0.25",
    "OTEL_RESOURCE_ATTRIBUTES": "a=b,c=d=e",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=b",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5",
    "OTEL_EXPORTER_OTLP_COMPRESSION": " gzip",
    "OTEL_BSP_SCHEDULE_DELAY": "1",
    "OTEL_BSP_EXPORT_TIMEOUT": "0",
    "OTEL_BSP_MAX_QUEUE_SIZE": "512",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100",
    "OTEL_SPAN_LINK_COUNT_LIMIT": "0",
}

REFUSED = [
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "swordfish", "OTEL_ATTRIBUTE_COUNT_LIMIT must be a non-negat"),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "-1", "OTEL_SPAN_LINK_COUNT_LIMIT must be a non-negative "),
    ("OTEL_BSP_SCHEDULE_DELAY", "0", "schedule_delay_millis must be positive."),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "100", "max_export_batch_size must be less than or equal to max_"),
    ("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "swordfish", "Requested component … "),
]

IGNORED = [
    ("OTEL_BSP_SCHEDULE_DELAY", "swordfish", "Unable to parse value for OTEL_BSP_SCHEDULE_DELAY "),
    ("OTEL_TRACES_SAMPLER", "swordfish", "Couldn't recognize sampler …"),
    ("OTEL_RESOURCE_ATTRIBUTES", "swordfish", "Invalid key value resource attribute pair … "),
    ("OTEL_EXPORTER_OTLP_HEADERS", "a=b, swordfish", "Header format invalid! "),
    ("OTEL_EXPORTER_OTLP_HEADERS", "Bearer Swordfish.", "Header format invalid! "),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "swordfish", "Invalid timeout value …"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "swordfish", "Unsupported compression type: …"),
]


def settings_to(url: str | None) -> Settings:
    return Settings.from_environment(otel_exporter_otlp_endpoint=url)


def test_valid_opentelemetry_variables_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check leaves no thread: workers are forked after it."""
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    before = threading.enumerate()
    assert check_tracing(settings_to(COLLECTOR)) == []
    assert threading.enumerate() == before


@pytest.mark.parametrize(("name", "value", "reason"), REFUSED)
def test_exception_of_opentelemetry_is_an_error(
    name: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as refused:
        check_tracing(settings_to(COLLECTOR))
    sentence = str(refused.value)
    assert sentence.startswith(f"{CANNOT_START}: {reason}")
    assert "\n" not in sentence
    assert "swordfish" not in sentence
    assert check_tracing(settings_to(None)) == []  # traces are disabled


@pytest.mark.parametrize(("name", "value", "reason"), IGNORED)
def test_log_line_of_opentelemetry_is_a_warning(
    name: str,
    value: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """OpenTelemetry's own log line quotes the value, and is suppressed."""
    logger = logging.getLogger("opentelemetry")
    before = logger.level, logger.propagate, list(logger.handlers)
    monkeypatch.setenv(name, value)
    warnings = check_tracing(settings_to(COLLECTOR))
    # The exporter of an earlier test may still retry, and log "… export … batch …".
    late = [one for one in warnings if re.search(r"batch|while exporting", one, re.IGNORECASE)]
    (warning,) = [one for one in warnings if one not in late]
    assert warning.startswith(f"{WARNS}: {reason}")
    assert "swordfish" not in warning.lower()
    assert caplog.records == []
    assert (logger.level, logger.propagate, logger.handlers) == before
    assert check_tracing(settings_to(None)) == []


def test_server_logs_warnings_of_opentelemetry(tmp_path: Path) -> None:
    given = variables_for(SecretStr(SOMEWHERE)) | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR,
        "OTEL_TRACES_SAMPLER": "swordfish",
    }
    with Service("serve", folder=tmp_path, **given) as service:
        output = service.output
    lines = [json.loads(line) for line in output.splitlines()]
    warning = f"{WARNS}: Couldn't recognize sampler …"
    assert [line["level"] for line in lines if line["message"] == warning] == ["WARNING"]
    assert "swordfish" not in output


def test_missing_tracing_extra_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "todo_graphql.server.observability.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigurationError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT is not usable: "):
        check_tracing(settings_to(COLLECTOR))


@pytest.mark.parametrize("command", ["serve", "dev", "doctor"])
def test_missing_propagator_is_reported(command: str, tmp_path: Path) -> None:
    sentence = refusal(command, folder=tmp_path, OTEL_PROPAGATORS="tracecontext,swordfish")
    assert sentence.startswith("OTEL_PROPAGATORS is not usable: ")
    assert "swordfish" not in sentence


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("serve", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
        ("serve", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),  # OpenTelemetry reads it on import
        ("dev", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    ],
)
def test_invalid_opentelemetry_variable_prevents_start(
    command: str, name: str, tmp_path: Path
) -> None:
    """The command starts neither workers nor PostgreSQL."""
    given = {} if command == "dev" else {"DATABASE_URL": SOMEWHERE, "BETTER_AUTH_SECRET": SECRET}
    given |= {"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR, name: "swordfish"}
    arguments = (command, "--port", "0") + (("--workers", "2") if command == "serve" else ())
    sentence = refusal(*arguments, folder=tmp_path, **given)
    assert sentence.startswith(CANNOT_START)
    assert name in sentence
    assert "swordfish" not in sentence
    assert not (tmp_path / ".todo-graphql/postgres").exists()
