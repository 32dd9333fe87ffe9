"""Settings: the only reader of the environment, and what follows from what it says."""

import difflib
import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self, TypeVar

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings

from todo_graphql.settings.variables import Environment

MINIMUM_SECRET_BYTES = 32
"""HS256 wants a key of at least the hash's size (RFC 7518, section 3.2)."""

EXAMPLE_SECRET = "at least 32 bytes, the same as in Better Auth"  # noqa: S105 - it guards nothing
"""The value in README.md, which everybody knows."""

SIMILARITY = 0.89
"""The least ratio, of at most 1, by which two names may be meant to be one."""

SHORTEST_COMPARED = 6
"""Characters. Shorter names, such as HOST and PORT, are too much like those of other programs."""

Variables = TypeVar("Variables", bound=BaseSettings)


class ConfigurationError(Exception):
    """The environment does not describe a server that may start. Says why, in one sentence for
    each reason.
    """

    def __init__(self, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


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
        _refuse_weak_secret("BETTER_AUTH_SECRET", self.better_auth_secret)
        return self.better_auth_secret

    def required_key(self) -> None:
        """Raises ConfigurationError when there is nothing to verify tokens with."""
        if self.auth_jwks_url is None:
            self.required_secret()

    def checked_old_secrets(self) -> tuple[SecretStr, ...]:
        """BETTER_AUTH_OLD_SECRETS. Raises ConfigurationError for those that are weak."""
        name = "One of BETTER_AUTH_OLD_SECRETS"
        refuse_all(
            *(partial(_refuse_weak_secret, name, old) for old in self.better_auth_old_secrets)
        )
        return self.better_auth_old_secrets

    def check_secrets(self) -> None:
        """Raises ConfigurationError for the secrets that are weak. None need be set."""
        own = [] if self.better_auth_secret is None else [self.required_secret]
        refuse_all(*own, self.checked_old_secrets)

    @classmethod
    def from_environment(cls, **overrides: Any) -> Self:
        """Read the environment, where `overrides` do not stand in its place. Raises
        ConfigurationError that names each bad variable and never its value.
        """
        settings, unusable = cls.survey(**overrides)
        if unusable:
            is_needed = settings.auth_jwks_url is None and "auth_jwks_url" not in unusable
            weak = failures_of(settings.check_secrets) if is_needed else []
            raise ConfigurationError(*unusable.values(), *weak)
        return settings

    @classmethod
    def survey(cls, **overrides: Any) -> tuple[Self, dict[str, str]]:
        """Return the settings, with the defaults of those that are not usable, and for each of
        these the reason.
        """
        try:
            return cls(**overrides), {}
        except ValidationError as error:
            unusable = reasons_of(error)
        defaults = {name: cls.model_fields[name].get_default() for name in unusable}
        return cls(**{**overrides, **defaults}), unusable


def read(kind: type[Variables], **overrides: Any) -> Variables:
    """Raises ConfigurationError that names each bad variable and never its value."""
    try:
        return kind(**overrides)
    except ValidationError as error:
        raise ConfigurationError(*reasons_of(error).values()) from None


def reasons_of(error: ValidationError) -> dict[str, str]:
    """Return one sentence for each field that is not usable, without its value."""
    reasons: dict[str, str] = {}
    for one in error.errors():
        name, reason = str(one["loc"][0]), one["msg"].removeprefix("Value error, ")
        reasons.setdefault(name, f"{name.upper()} is not usable: {reason}.")
    return reasons


def failures_of(*checks: Callable[[], object]) -> list[str]:
    """Run every check, and return the sentences of those that raise ConfigurationError."""
    sentences: list[str] = []
    for check in checks:
        try:
            check()
        except ConfigurationError as error:
            sentences += error.sentences
    return list(dict.fromkeys(sentences))


def refuse_all(*checks: Callable[[], object]) -> None:
    """Run every check. Raises ConfigurationError with the sentences of those that raise it."""
    if sentences := failures_of(*checks):
        raise ConfigurationError(*sentences)


def misspelt_variables(names: Iterable[str] = os.environ) -> dict[str, str]:
    """Return the names of variables that are no setting but much like one, each with that
    setting's name. Variables of OpenTelemetry are passed over: they are much like one another.
    """
    known = {name.upper() for name in Settings.model_fields}
    others = {name for name in names if name.upper() not in known | {""}}
    return {
        name: close[0]
        for name in sorted(others)
        if not name.upper().startswith("OTEL_") and (close := _similar(name.upper(), known))
    }


def _similar(name: str, known: Iterable[str]) -> list[str]:
    words = sorted(name.split("_"))
    if swapped := [other for other in known if sorted(other.split("_")) == words]:
        return swapped
    compared = [other for other in known if len(other) >= SHORTEST_COMPARED]
    return difflib.get_close_matches(name, sorted(compared), 1, SIMILARITY)


def _refuse_weak_secret(name: str, secret: SecretStr) -> None:
    text = secret.get_secret_value()
    core = text.strip()
    size = len(os.fsencode(core))
    if size < MINIMUM_SECRET_BYTES:
        blanks = "" if core == text else ", the blanks around it not counted,"
        raise ConfigurationError(
            f"{name} is too short: it has {size} bytes{blanks} and needs at least "
            f"{MINIMUM_SECRET_BYTES}; `openssl rand -base64 32` makes a good one."
        )
    if core == EXAMPLE_SECRET:
        raise ConfigurationError(
            f"{name} is the example of the documentation, which everybody knows: "
            "`openssl rand -base64 32` makes a good one."
        )
