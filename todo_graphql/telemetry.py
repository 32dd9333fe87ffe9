"""OpenTelemetry's own variables, looked at before anything starts.

Its SDK reads them by itself. What it cannot read it passes over, without a word that anybody would
see here, or it fails at when the server is about to work.
"""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from todo_graphql.config import ConfigurationError, Settings, read
from todo_graphql.environment import Environment


def _in_small_letters(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _accepts_only_pairs(text: str) -> str:
    if not all("=" in part for part in text.split(",") if part.strip()):
        raise ValueError("must be pairs of a name and a value, such as name=value,other=value")
    return text


Small = BeforeValidator(_in_small_letters)
Sampler = Annotated[
    Literal[
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    ],
    Small,
]
Compression = Annotated[Literal["none", "gzip", "deflate"], Small]
Protocol = Annotated[Literal["http/protobuf"], Small]
Pairs = Annotated[str, AfterValidator(_accepts_only_pairs)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Number = Annotated[int, Field(ge=0)]


class Telemetry(BaseSettings):
    """Those that decide on traces."""

    model_config = Environment.model_config

    otel_traces_sampler: Sampler | None = None
    otel_traces_sampler_arg: Share | None = None
    otel_resource_attributes: Pairs | None = None
    otel_exporter_otlp_protocol: Protocol | None = None
    otel_exporter_otlp_traces_protocol: Protocol | None = None
    otel_exporter_otlp_headers: Pairs | None = None
    otel_exporter_otlp_traces_headers: Pairs | None = None
    otel_exporter_otlp_timeout: Seconds | None = None
    otel_exporter_otlp_traces_timeout: Seconds | None = None
    otel_exporter_otlp_compression: Compression | None = None
    otel_exporter_otlp_traces_compression: Compression | None = None
    otel_bsp_schedule_delay: Positive | None = None
    otel_bsp_export_timeout: Number | None = None
    otel_bsp_max_queue_size: Positive = 2_048
    otel_bsp_max_export_batch_size: Positive = Field(default=512, validate_default=True)
    otel_attribute_count_limit: Number | None = None
    otel_attribute_value_length_limit: Number | None = None
    otel_span_attribute_count_limit: Number | None = None
    otel_span_attribute_value_length_limit: Number | None = None
    otel_span_event_count_limit: Number | None = None
    otel_span_link_count_limit: Number | None = None
    otel_event_attribute_count_limit: Number | None = None
    otel_link_attribute_count_limit: Number | None = None

    @field_validator("otel_bsp_max_export_batch_size")
    @classmethod
    def _fits_into_the_queue(cls, size: int, info: ValidationInfo) -> int:
        if size > info.data.get("otel_bsp_max_queue_size", size):
            raise ValueError(
                "must not be more than OTEL_BSP_MAX_QUEUE_SIZE, which is 2048 where it is not set"
            )
        return size


def refuse_unusable(settings: Settings) -> None:
    """Raises ConfigurationError where traces are wanted and could not be sent as they should."""
    if settings.traces_endpoint is not None:
        _refuse_bad_endpoint(settings.traces_endpoint)
        read(Telemetry)


def _refuse_bad_endpoint(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that cannot be
        is_usable = False
    if not is_usable:
        raise ConfigurationError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is not usable: must begin with http:// or https:// and "
            "name a host."
        )
