"""Settings: the only reader of the environment, and what follows from what it says."""

import os
from typing import Any, Self, TypeVar

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings

from todo_graphql.environment import Environment

MINIMUM_SECRET_BYTES = 32
"""HS256 wants a key of at least the hash's size (RFC 7518, section 3.2)."""

Variables = TypeVar("Variables", bound=BaseSettings)


class ConfigurationError(Exception):
    """The environment does not describe a server that may start. Says why in one sentence."""


class Settings(Environment):
    """The configuration of one server, read from the environment once."""

    @property
    def migration_url(self) -> SecretStr | None:
        """Where migrations run: DDL wants a session of its own, not a pooler."""
        return self.database_url_unpooled or self.database_url

    @property
    def traces_endpoint(self) -> str | None:
        """Where traces are sent, if they are: OpenTelemetry's specification, OTLP exporter."""
        base = self.otel_exporter_otlp_endpoint
        common = None if base is None else f"{base.rstrip('/')}/v1/traces"
        return self.otel_exporter_otlp_traces_endpoint or common

    @property
    def max_connections(self) -> int:
        """How many connections, and so how many operations at once, a process may hold."""
        return self.database_pool_size + self.database_max_overflow

    def required_database_url(self) -> SecretStr:
        """DATABASE_URL. Raises ConfigurationError when it is not set."""
        if self.database_url is None:
            raise ConfigurationError("DATABASE_URL is not set: it says which PostgreSQL to use.")
        return self.database_url

    def required_secret(self) -> SecretStr:
        """BETTER_AUTH_SECRET. Raises ConfigurationError when it is missing or weak."""
        if self.better_auth_secret is None:
            raise ConfigurationError(
                "BETTER_AUTH_SECRET is not set: there are no tokens without it. `todo-graphql dev` "
                "makes one, for the folder that it is started in."
            )
        _refuse_short_secret("BETTER_AUTH_SECRET", self.better_auth_secret)
        return self.better_auth_secret

    def required_key(self) -> None:
        """Raises ConfigurationError when there is nothing to verify tokens with."""
        if self.auth_jwks_url is None:
            self.required_secret()

    def checked_old_secrets(self) -> tuple[SecretStr, ...]:
        """BETTER_AUTH_OLD_SECRETS. Raises ConfigurationError when one of them is weak."""
        for secret in self.better_auth_old_secrets:
            _refuse_short_secret("One of BETTER_AUTH_OLD_SECRETS", secret)
        return self.better_auth_old_secrets

    @classmethod
    def from_environment(cls, **overrides: Any) -> Self:
        """Read the environment, where `overrides` do not stand in its place. Raises
        ConfigurationError.
        """
        return read(cls, **overrides)


def read(kind: type[Variables], **overrides: Any) -> Variables:
    """Raises ConfigurationError that names the first bad variable and never its value."""
    try:
        return kind(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{name} is not usable: {reason}.") from None


def _refuse_short_secret(name: str, secret: SecretStr) -> None:
    size = len(os.fsencode(secret.get_secret_value()))
    if size < MINIMUM_SECRET_BYTES:
        raise ConfigurationError(
            f"{name} is too short: it has {size} bytes and needs at least "
            f"{MINIMUM_SECRET_BYTES}; `openssl rand -base64 32` makes a good one."
        )
