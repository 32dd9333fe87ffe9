"""Examination of the keys and claims that tokens are verified with."""

import asyncio
from collections.abc import Iterator, Sequence

from pydantic import SecretStr

from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.runtime.preflight import check_keys
from todo_graphql.server.auth.jwks_client import FetchError, fetch
from todo_graphql.server.auth.keys import PublicKeys
from todo_graphql.settings.settings import ConfigurationError, Settings
from todo_graphql.settings.types import is_quoted

MINIMUM_DISTINCT_CHARACTERS = 8
"""A random secret of 32 hexadecimal digits has fewer with a probability of 1 in 40 million."""


def examine_keys(settings: Settings) -> Iterator[Finding]:
    """Examine the keys that verify tokens."""
    if settings.auth_jwks_url is None:
        yield from examine_secrets(settings)
    else:
        yield from examine_jwks(settings, settings.auth_jwks_url)


def examine_claims(settings: Settings) -> Iterator[Finding]:
    """Examine the claims that identify the tokens for this server."""
    if settings.auth_jwks_url is None:
        others = "Better Auth signs other values with the same secret"
    else:
        others = "the issuer may sign tokens for other services with the same keys"
    for name, value in (
        ("AUTH_ISSUER", settings.auth_issuer),
        ("AUTH_AUDIENCE", settings.auth_audience),
    ):
        if value is None:
            yield Finding(
                ADVICE,
                f"{name} is not set: {others}. Set it, so that they are rejected.",
            )
        else:
            yield Finding(GOOD, f"{name} is required of every token.")


def examine_secrets(settings: Settings) -> Iterator[Finding]:
    """Examine the length and the characters of the secrets."""
    try:
        check_keys(settings)
    except ConfigurationError as error:
        yield from (Finding(FATAL, sentence) for sentence in error.sentences)
        return
    yield Finding(GOOD, "BETTER_AUTH_SECRET is long enough.")
    if number := len(settings.better_auth_old_secrets):
        yield Finding(GOOD, f"BETTER_AUTH_OLD_SECRETS contains {number}, all long enough.")
    yield from examine_characters("BETTER_AUTH_SECRET", (settings.required_secret(),))
    yield from examine_characters("BETTER_AUTH_OLD_SECRETS", settings.better_auth_old_secrets)


def examine_characters(name: str, secrets: Sequence[SecretStr]) -> Iterator[Finding]:
    """Advise against enclosing quotation marks and blanks, and against few distinct characters."""
    texts = [secret.get_secret_value() for secret in secrets]
    if is_quoted(",".join(texts)):
        yield Finding(
            ADVICE,
            f"{name} is enclosed in quotation marks, which this server counts as a part of it. The "
            "issuer may read its env file in another way: remove them on both sides.",
        )
    if any(text != text.strip() for text in texts):
        yield Finding(
            ADVICE,
            f"{name} begins or ends with a blank or a line break, which this server counts as a "
            "part of it: remove it on both sides.",
        )
    if any(len(set(text)) < MINIMUM_DISTINCT_CHARACTERS for text in texts):
        yield Finding(
            ADVICE,
            f"{name} has fewer than {MINIMUM_DISTINCT_CHARACTERS} different characters and can be "
            "guessed: generate one with `openssl rand -base64 32`.",
        )


def examine_jwks(settings: Settings, url: str) -> Iterator[Finding]:
    """Fetch the issuer's keys, and advise against secrets, which are not used beside them."""
    try:
        keys = asyncio.run(fetch(url))
    except FetchError as error:
        yield Finding(FATAL, f"Cannot fetch the keys of AUTH_JWKS_URL: {error}.")
    else:
        kinds = ", ".join(sorted(key.algorithm for key in keys.keys)) or "none"
        mark = GOOD if keys.keys else FATAL
        yield Finding(mark, f"AUTH_JWKS_URL responds with these usable keys: {kinds}.")
        yield from examine_other_keys(keys)
    if settings.better_auth_secret is not None or settings.better_auth_old_secrets:
        yield Finding(
            ADVICE,
            "BETTER_AUTH_SECRET and BETTER_AUTH_OLD_SECRETS are not used beside AUTH_JWKS_URL: "
            "remove them.",
        )


def examine_other_keys(keys: PublicKeys) -> Iterator[Finding]:
    """Advise against private keys and unsupported keys in the JWK Set."""
    if keys.exposed:
        yield Finding(
            ADVICE,
            f"AUTH_JWKS_URL publishes private keys ({keys.exposed}), which are not used: any "
            "client can sign with them. The issuer must replace them.",
        )
    if keys.ignored:
        yield Finding(
            ADVICE,
            f"AUTH_JWKS_URL publishes unsupported keys ({keys.ignored}), which are not used.",
        )
