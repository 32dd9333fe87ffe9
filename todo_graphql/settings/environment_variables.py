"""Environment variables of the server, each with its type and its description."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from todo_graphql.settings.types import (
    HTTPURL,
    DatabaseURL,
    LiveURL,
    Networks,
    Origins,
    Rate,
    RedisURL,
    SafeURL,
    Text,
    is_quoted,
)

ExecutorName = Literal["projection", "reference"]
LogFormat = Literal["json", "text"]
PreparedStatementsMode = Literal["auto", "on", "off"]

SECRETS = ("better_auth_secret", "better_auth_old_secrets")
"""Settings that can contain any characters, such as quotation marks."""


class Environment(BaseSettings):
    """Variables of one server. A test compares their descriptions with the table of settings."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: DatabaseURL | None = Field(
        default=None,
        description="The PostgreSQL database: "
        "postgresql://user:password@host/name?sslmode=require, with special "
        "characters of the password percent-encoded. Neon's pooled endpoint works. "
        "Unset: `dev` starts an embedded PostgreSQL.",
    )
    database_url_unpooled: DatabaseURL | None = Field(
        default=None,
        description="The direct endpoint of the database, for migrations. Unset: DATABASE_URL.",
    )
    better_auth_secret: SecretStr | None = Field(
        default=None,
        description="The secret with which Better Auth signs tokens (HS256), at least 32 bytes "
        "long. Unset: `dev` generates one.",
    )
    better_auth_old_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Former secrets that still verify tokens, separated by commas. Remove one "
        "when its last token has expired.",
    )
    auth_jwks_url: SafeURL | None = Field(
        default=None,
        description="The URL of the issuer's JWK Set (EdDSA, ES256, RS256): https, or http on "
        "this machine. Its keys replace the secrets, which then verify no tokens.",
    )
    auth_issuer: Text | None = Field(
        default=None, description="The required `iss` of tokens. Unset: any."
    )
    auth_audience: Text | None = Field(
        default=None,
        description="The required `aud` of tokens: this value, or a list that contains it. "
        "Unset: any.",
    )
    host: Text = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on.")
    cors_origins: Origins = Field(
        default=(),
        description="The origins whose pages can call the API: `scheme://host` or "
        "`scheme://host:port`, separated by commas, or `*` for all. `https://*.example.com` stands "
        "for all subdomains, `http://localhost:*` for all ports. Default: none. `dev` adds the "
        "pages of this machine.",
    )
    graphiql: bool = Field(
        default=False, description="Serve GraphiQL at GET /graphql. Default in `dev`: true."
    )
    introspection: bool = Field(
        default=False, description="Allow introspection queries. Default in `dev`: true."
    )
    expose_cost: bool = Field(
        default=False,
        description="Return the cost of each operation in `extensions.cost`, and the part of it "
        "that remains for the returned fields in `extensions.actualCost`. Default in `dev`: true.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The minimum log level."
    )
    log_format: LogFormat = Field(
        default="json",
        description="The log format: `json` (one object per line) or `text`. Default in `dev`: "
        "`text`.",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="The port that serves Prometheus metrics, one for all workers. Unset: metrics "
        "are disabled.",
    )
    metrics_host: Text = Field(
        default="127.0.0.1",
        description="The address that serves metrics. It should not be reachable from public "
        "networks.",
    )
    otel_exporter_otlp_endpoint: HTTPURL | None = Field(
        default=None,
        description="The OTLP/HTTP endpoint that receives traces. Other variables of "
        "OpenTelemetry, such as OTEL_TRACES_SAMPLER, apply as well. Unset: tracing "
        "is disabled.",
    )
    otel_exporter_otlp_traces_endpoint: HTTPURL | None = Field(
        default=None,
        description="The full URL that receives traces. It overrides OTEL_EXPORTER_OTLP_ENDPOINT.",
    )
    otel_service_name: Text = Field(
        default="todo-graphql", description="The name of this service in traces."
    )
    database_pool_size: int = Field(
        default=10,
        ge=1,
        le=100,
        description="The number of connections that each process keeps open.",
    )
    database_max_overflow: int = Field(
        default=0,
        ge=0,
        le=100,
        description="The number of additional connections of each process under load. A "
        "process runs at most as many operations at once as it can have "
        "connections.",
    )
    database_pool_recycle: int = Field(
        default=240,
        ge=1,
        description="The seconds after which a connection is replaced. Neon suspends an idle "
        "database after 300.",
    )
    database_prepared_statements: PreparedStatementsMode = Field(
        default="auto",
        description="Whether connections prepare frequent statements, which then need less of "
        "PostgreSQL's time and up to 14 MB of its memory. `auto`: unless a pooler or a proxy "
        "issues its own process ids. `on`: also through a proxy that gives each connection a "
        "session of its own, such as Neon's direct endpoint. `off`: never.",
    )
    database_connect_timeout: int = Field(
        default=5, ge=2, le=60, description="The seconds to wait for a connection to PostgreSQL."
    )
    database_statement_timeout: float = Field(
        default=4.0,
        gt=0,
        le=600,
        description="The seconds after which PostgreSQL cancels a statement. A value below "
        "REQUEST_TIMEOUT preserves the connection.",
    )
    request_timeout: float = Field(
        default=5.0,
        gt=0,
        le=600,
        description="The seconds after which a request to /graphql, a page of /export or a "
        "statement of /import fails with UNAVAILABLE.",
    )
    max_waiting: int = Field(
        default=100,
        ge=1,
        description="The maximum number of waiting operations, half of them of one user. Further "
        "ones are rejected with UNAVAILABLE at once.",
    )
    trash_days: int = Field(
        default=30,
        ge=0,
        le=36_500,
        description="The days in the trash after which `purge` deletes a task.",
    )
    tombstone_days: int = Field(
        default=180,
        ge=1,
        le=36_500,
        description="The days after which `purge` deletes the trace of a permanently deleted task. "
        "A client that was offline for longer reads all tasks anew.",
    )
    max_tasks_per_user: int = Field(
        default=100_000,
        ge=1,
        le=2_147_483_647,
        description="The maximum number of tasks of each user, including the trash. A write beyond "
        "it fails with QUOTA_EXCEEDED.",
    )
    max_bytes_per_user: int = Field(
        default=100_000_000,
        ge=1,
        le=2_147_483_647,
        description="The maximum size of the titles, descriptions and tags of each user's tasks, "
        "in bytes of UTF-8, including the trash.",
    )
    max_body_bytes: int = Field(
        default=1_048_576,
        ge=1_024,
        description="The maximum size of a request body of /graphql. Larger ones are rejected with "
        "413. The document in it has a limit of its own, 65,536 characters. The large bodies in "
        "progress take at most 32 MiB of a process, or two bodies if that is more.",
    )
    max_response_bytes: int = Field(
        default=8_388_608,
        ge=65_536,
        le=67_108_864,
        description="The maximum size of a response of /graphql. A larger one is rejected with "
        "QUERY_TOO_COMPLEX. A user can have twice as many bytes in responses that the client has "
        "not read.",
    )
    max_query_tokens: int = Field(
        default=2_000, ge=100, description="The maximum number of lexical tokens in a document."
    )
    max_query_depth: int = Field(
        default=20, ge=3, description="The maximum nesting of fields in a document."
    )
    max_query_cost: int = Field(
        default=20_000,
        ge=100,
        description="The maximum cost of an operation: 1 for each field, multiplied by the "
        "sizes of the pages around it, 1 for each value of arguments and "
        "variables, and 100 for each list and each count.",
    )
    rate_limit: Rate = Field(
        default="60000000/hour",
        description="The cost that each user can spend in a period: 1 for each microsecond of "
        "processor time, and at least the cost as for MAX_QUERY_COST. A page of 20 tasks costs "
        "about 600. `none`: unlimited.",
    )
    rate_limit_failures: Rate = Field(
        default="1000/minute",
        description="The number of requests without a valid token that each address can send "
        "in a period. `none`: unlimited.",
    )
    rate_limit_storage_url: RedisURL | None = Field(
        default=None,
        description="The Redis in which all processes count together: "
        "redis://user:password@host:port/number, or rediss://. Unset: each process "
        "counts for itself.",
    )
    live_url: LiveURL | None = Field(
        default=None,
        description="Carries hints of changes between processes, so that streams of all processes "
        "are live: a redis:// or rediss:// URL, or the postgresql:// URL of a direct connection, "
        "which has LISTEN and NOTIFY. Unset: RATE_LIMIT_STORAGE_URL, if that is set. Without "
        "either, changes by another process reach a stream within 30 seconds.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="The addresses or networks of proxies whose X-Forwarded-For is trusted, "
        "separated by commas. Default: none.",
    )
    executor: ExecutorName = Field(
        default="projection",
        description="The executor of operations: `projection`, or `reference` for graphql-core "
        "alone, which charges back no unreturned fields.",
    )

    @field_validator("cors_origins", "better_auth_old_secrets", "trusted_proxies", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("log_level", mode="before")
    @classmethod
    def _to_upper_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("log_format", mode="before")
    @classmethod
    def _to_lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    # Runs before the validators above.
    @field_validator("*", mode="before")
    @classmethod
    def _reject_quotes(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str) and info.field_name not in SECRETS and is_quoted(value):
            raise ValueError(
                "must not be enclosed in quotation marks: a shell removes them, an env file may "
                "keep them"
            )
        return value
