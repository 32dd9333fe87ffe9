"""Settings of one server: the only reader of the environment, and the values derived from it."""

import difflib
import os
import unicodedata
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

from pydantic import SecretStr, ValidationError

from todo_graphql.errors import ExpectedError
from todo_graphql.settings.environment_variables import Environment

MINIMUM_SECRET_BYTES = 32
"""HS256 requires a key at least as long as the hash (RFC 7518, section 3.2)."""

MINIMUM_SECRET_CHARACTERS = 2
"""The number of different visible characters. `doctor` advises against fewer than eight."""

INVISIBLE_CATEGORIES = ("Cc", "Cf", "Zl", "Zp", "Zs")

EXAMPLE_SECRET = "at least 32 bytes, the same as in Better Auth"  # noqa: S105 - a public example
"""The value in the documentation."""

MINIMUM_SIMILARITY = 0.89
"""The ratio, of at most 1, from which on a name counts as a misspelt setting."""

MINIMUM_COMPARED_CHARACTERS = 6
"""The length of compared names. HOST and PORT resemble the variables of other programs."""


class ConfigurationError(ExpectedError):
    """Unusable configuration, with one sentence for each reason."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


class Settings(Environment):
    """Configuration of one server, read from the environment once."""

    @property
    def migration_url(self) -> SecretStr | None:
        """The URL for migrations: DDL needs a session of its own instead of a pooler."""
        return self.database_url_unpooled or self.database_url

    @property
    def traces_endpoint(self) -> str | None:
        """The URL of the collector of traces, as OpenTelemetry's OTLP exporter derives it."""
        base = self.otel_exporter_otlp_endpoint
        common = None if base is None else f"{base.rstrip('/')}/v1/traces"
        return self.otel_exporter_otlp_traces_endpoint or common

    @property
    def max_connections(self) -> int:
        """The maximum number of connections, and so of concurrent operations, of a process."""
        return self.database_pool_size + self.database_max_overflow

    def required_database_url(self) -> SecretStr:
        """Return DATABASE_URL. Raises ConfigurationError if it is not set."""
        if self.database_url is None:
            raise ConfigurationError("DATABASE_URL is not set: it must name a PostgreSQL database.")
        return self.database_url

    def required_secret(self) -> SecretStr:
        """Return BETTER_AUTH_SECRET. Raises ConfigurationError if it is not set or weak."""
        if self.better_auth_secret is None:
            raise ConfigurationError(
                "BETTER_AUTH_SECRET is not set: it must be the secret that signs tokens. "
                "`todo-graphql dev` generates one for the folder in which it runs."
            )
        _check_secret("BETTER_AUTH_SECRET", self.better_auth_secret)
        return self.better_auth_secret

    def required_key(self) -> None:
        """Raise ConfigurationError if no key verifies tokens."""
        if self.auth_jwks_url is None:
            self.required_secret()

    def checked_old_secrets(self) -> tuple[SecretStr, ...]:
        """Return BETTER_AUTH_OLD_SECRETS. Raises ConfigurationError if any of them is weak."""
        name = "One of BETTER_AUTH_OLD_SECRETS"
        run_checks(*(partial(_check_secret, name, old) for old in self.better_auth_old_secrets))
        return self.better_auth_old_secrets

    def check_secrets(self) -> None:
        """Raise ConfigurationError if any of the secrets that are set is weak."""
        own = [] if self.better_auth_secret is None else [self.required_secret]
        run_checks(*own, self.checked_old_secrets)

    @classmethod
    def from_environment(cls, **overrides: Any) -> Self:
        """Read the environment, with `overrides` in place of its variables.

        Raises ConfigurationError, which names each unusable variable and never its value.
        """
        settings, unusable = cls.survey(**overrides)
        if unusable:
            is_needed = settings.auth_jwks_url is None and "auth_jwks_url" not in unusable
            weak = collect_failures(settings.check_secrets) if is_needed else []
            raise ConfigurationError(*unusable.values(), *weak)
        return settings

    @classmethod
    def survey(cls, **overrides: Any) -> tuple[Self, dict[str, str]]:
        """Return the settings, with defaults for the unusable ones, and the reasons for these."""
        try:
            return cls(**overrides), {}
        except ValidationError as error:
            unusable = explain_errors(error)
        defaults = {name: cls.model_fields[name].get_default() for name in unusable}
        return cls(**{**overrides, **defaults}), unusable


def explain_errors(error: ValidationError) -> dict[str, str]:
    """Return one sentence for each unusable field, without its value."""
    reasons: dict[str, str] = {}
    for one in error.errors():
        name, reason = str(one["loc"][0]), one["msg"].removeprefix("Value error, ")
        reasons.setdefault(name, f"{name.upper()} is not usable: {reason}.")
    return reasons


def collect_failures(*checks: Callable[[], object]) -> list[str]:
    """Run all checks, and return the sentences of each ConfigurationError."""
    sentences: list[str] = []
    for check in checks:
        try:
            check()
        except ConfigurationError as error:
            sentences += error.sentences
    return list(dict.fromkeys(sentences))


def run_checks(*checks: Callable[[], object]) -> None:
    """Run all checks. Raises ConfigurationError with the sentences of all failures."""
    if sentences := collect_failures(*checks):
        raise ConfigurationError(*sentences)


def misspelt_variables(names: Iterable[str] = os.environ) -> dict[str, str]:
    """Return variables that resemble a setting, each with the name of that setting.

    Variables of OpenTelemetry are skipped, because they resemble each other.
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
    compared = [other for other in known if len(other) >= MINIMUM_COMPARED_CHARACTERS]
    return difflib.get_close_matches(name, sorted(compared), 1, MINIMUM_SIMILARITY)


def _check_secret(name: str, secret: SecretStr) -> None:
    text = secret.get_secret_value()
    core = text.strip()
    size = len(os.fsencode(core))
    if size < MINIMUM_SECRET_BYTES:
        blanks = "" if core == text else ", the blanks around it not counted,"
        raise ConfigurationError(
            f"{name} is too short: it has {size} bytes{blanks} and needs at least "
            f"{MINIMUM_SECRET_BYTES}. Generate one with `openssl rand -base64 32`."
        )
    if len(_visible_characters(core)) < MINIMUM_SECRET_CHARACTERS:
        raise ConfigurationError(
            f"{name} can be guessed: apart from invisible characters, it repeats one character. "
            "Generate one with `openssl rand -base64 32`."
        )
    if core == EXAMPLE_SECRET:
        raise ConfigurationError(
            f"{name} is the public example of the documentation: generate one with "
            "`openssl rand -base64 32`."
        )


def _visible_characters(text: str) -> set[str]:
    """Return the characters that are neither separators nor control or format characters."""
    return {one for one in text if unicodedata.category(one) not in INVISIBLE_CATEGORIES}
