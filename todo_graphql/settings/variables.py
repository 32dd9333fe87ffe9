"""The environment's variables: what each may hold, and what it means."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from todo_graphql.settings.types import (
    HTTPURL,
    DatabaseURL,
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

SECRETS = ("better_auth_secret", "better_auth_old_secrets")
"""Settings that may hold any characters, quotation marks included."""


class Environment(BaseSettings):
    """Every variable that counts, with the sentence that an operator needs: the table in README.md
    is compared with them by a test.
    """

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: DatabaseURL | None = Field(
        default=None,
        description="PostgreSQL, as postgresql://user:password@host/name?sslmode=require, with "
        "special characters of the password percent-encoded. "
        "Neon's pooled endpoint is fine. `dev` starts a PostgreSQL of its own without it.",
    )
    database_url_unpooled: DatabaseURL | None = Field(
        default=None,
        description="The direct endpoint, for migrations. Without it they use DATABASE_URL.",
    )
    better_auth_secret: SecretStr | None = Field(
        default=None,
        description="The secret that Better Auth signs tokens with (HS256): at least 32 bytes. "
        "`dev` makes one without it.",
    )
    better_auth_old_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Secrets that still verify tokens and sign none, separated by commas: those "
        "before BETTER_AUTH_SECRET, until their last token has expired.",
    )
    auth_jwks_url: SafeURL | None = Field(
        default=None,
        description="Where the issuer publishes its keys (EdDSA, ES256, RS256). When set, they "
        "alone verify tokens, and the secrets do not. https, or http on this machine.",
    )
    auth_issuer: Text | None = Field(
        default=None, description="When set, a token must carry exactly this `iss`."
    )
    auth_audience: Text | None = Field(
        default=None, description="When set, a token's `aud` must be or hold this value."
    )
    host: Text = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on.")
    cors_origins: Origins = Field(
        default=(),
        description="Origins whose pages may call the API, as `scheme://host` or "
        "`scheme://host:port`, separated by commas, or `*` for all. None by default.",
    )
    graphiql: bool = Field(
        default=False, description="Serve GraphiQL on GET /graphql. `dev` turns it on."
    )
    introspection: bool = Field(
        default=False, description="Answer introspection queries. `dev` turns it on."
    )
    expose_cost: bool = Field(
        default=False,
        description="Say in `extensions.cost` what an operation cost. `dev` turns it on.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least severe log lines to print."
    )
    log_format: LogFormat = Field(
        default="json",
        description="`json`: one object per line, for collectors. `text`: for people, as in `dev`.",
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
        description="The address to serve metrics on: one that the world does not reach.",
    )
    otel_exporter_otlp_endpoint: HTTPURL | None = Field(
        default=None,
        description="Where traces are sent, by OTLP over HTTP. The other variables of "
        "OpenTelemetry, such as OTEL_TRACES_SAMPLER, count as well. No traces without it.",
    )
    otel_exporter_otlp_traces_endpoint: HTTPURL | None = Field(
        default=None, description="The same, with the path, for traces alone."
    )
    otel_service_name: Text = Field(
        default="todo-graphql", description="What this server is called in traces."
    )
    database_pool_size: int = Field(
        default=10, ge=1, le=100, description="Connections that each process keeps open."
    )
    database_max_overflow: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Connections that it opens beyond those under load. A process works on as "
        "many operations at once as it may hold connections.",
    )
    database_pool_recycle: int = Field(
        default=240,
        ge=1,
        description="Seconds after which a connection is replaced: below the 300 after which "
        "Neon suspends an idle database.",
    )
    database_connect_timeout: int = Field(
        default=5, ge=2, le=60, description="Seconds to wait for a connection to PostgreSQL."
    )
    database_statement_timeout: float = Field(
        default=4.0,
        gt=0,
        le=600,
        description="Seconds after which PostgreSQL gives up on a statement: sooner than "
        "REQUEST_TIMEOUT, so that its connection lives on.",
    )
    request_timeout: float = Field(
        default=5.0,
        gt=0,
        le=600,
        description="Seconds after which a request to /graphql, a page of /export or a statement "
        "of /import is UNAVAILABLE, whatever the database does.",
    )
    max_waiting: int = Field(
        default=100,
        ge=1,
        description="Operations that may wait until it is their turn; further ones are refused "
        "with UNAVAILABLE at once.",
    )
    trash_days: int = Field(
        default=30,
        ge=0,
        le=36_500,
        description="Days in the trash after which `purge` removes a task.",
    )
    max_body_bytes: int = Field(
        default=65_536, ge=1_024, description="The largest request body; a larger one gets 413."
    )
    max_query_tokens: int = Field(
        default=2_000, ge=100, description="The most lexical tokens in a document."
    )
    max_query_depth: int = Field(
        default=20, ge=3, description="The deepest nesting of fields in a document."
    )
    max_query_cost: int = Field(
        default=10_000,
        ge=100,
        description="The most that an operation may cost: one for each field, counted once for "
        "every item of the pages around it, one for each value of its arguments and variables, "
        "and 100 for each list and each count.",
    )
    rate_limit: Rate = Field(
        default="60000000/hour",
        description="What the operations of each user may cost in a time, as MAX_QUERY_COST counts "
        "it: a page of 20 tasks is some 250. `none` is no limit.",
    )
    rate_limit_failures: Rate = Field(
        default="1000/minute",
        description="How many requests without a good token an address may send in a time. `none` "
        "is no limit.",
    )
    rate_limit_storage_url: RedisURL | None = Field(
        default=None,
        description="Redis, as redis://user:password@host:port/number or rediss://, where several "
        "processes count together. Without it each counts for itself.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Addresses or networks, separated by commas, of proxies whose X-Forwarded-For "
        "is believed. None by default.",
    )
    executor: ExecutorName = Field(
        default="projection",
        description="`reference` has graphql-core answer everything, to compare with.",
    )

    @field_validator("cors_origins", "better_auth_old_secrets", "trusted_proxies", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_capitals(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("log_format", mode="before")
    @classmethod
    def _in_small_letters(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    # Runs before those above.
    @field_validator("*", mode="before")
    @classmethod
    def _refuse_quotes(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str) and info.field_name not in SECRETS and is_quoted(value):
            raise ValueError(
                "must not be enclosed in quotation marks: a shell removes them, an env file may "
                "keep them"
            )
        return value
