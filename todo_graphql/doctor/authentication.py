"""What verifies tokens."""

import asyncio
from collections.abc import Iterator, Sequence

from pydantic import SecretStr

from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.runtime.preflight import refuse_weak_keys
from todo_graphql.server.auth.jwks_client import FetchError, fetch
from todo_graphql.server.auth.keys import PublicKeys
from todo_graphql.settings.settings import ConfigurationError, Settings
from todo_graphql.settings.types import is_quoted

FEW_CHARACTERS = 8
"""Different ones. A random secret of 32 hexadecimal digits has fewer once in 40 million."""


def examine_keys(settings: Settings) -> Iterator[Finding]:
    """Examine the keys that verify tokens."""
    if settings.auth_jwks_url is None:
        yield from examine_secrets(settings)
    else:
        yield from examine_jwks(settings, settings.auth_jwks_url)


def examine_claims(settings: Settings) -> Iterator[Finding]:
    """Examine what tells tokens for this server from others that the same keys have signed."""
    if settings.auth_jwks_url is None:
        others = "Better Auth signs other things with the same secret"
    else:
        others = "an issuer may sign tokens for others with the same keys"
    for name, value in (
        ("AUTH_ISSUER", settings.auth_issuer),
        ("AUTH_AUDIENCE", settings.auth_audience),
    ):
        if value is None:
            yield Finding(
                ADVICE,
                f"{name} is not set: {others}, and this would tell them apart.",
            )
        else:
            yield Finding(GOOD, f"{name} is required of every token.")


def examine_secrets(settings: Settings) -> Iterator[Finding]:
    """Examine whether the secrets are long enough, and secrets at all."""
    try:
        refuse_weak_keys(settings)
    except ConfigurationError as error:
        yield from (Finding(FATAL, sentence) for sentence in error.sentences)
        return
    yield Finding(GOOD, "BETTER_AUTH_SECRET is long enough.")
    if number := len(settings.better_auth_old_secrets):
        yield Finding(GOOD, f"BETTER_AUTH_OLD_SECRETS holds {number}, long enough, to verify with.")
    yield from examine_characters("BETTER_AUTH_SECRET", (settings.required_secret(),))
    yield from examine_characters("BETTER_AUTH_OLD_SECRETS", settings.better_auth_old_secrets)


def examine_characters(name: str, secrets: Sequence[SecretStr]) -> Iterator[Finding]:
    """Advise against characters that the issuer's secret may not have, and against few of them."""
    texts = [secret.get_secret_value() for secret in secrets]
    if is_quoted(",".join(texts)):
        yield Finding(
            ADVICE,
            f"{name} is enclosed in quotation marks, which are a part of it here: the issuer must "
            "have them, too, and its env file may be read in another way. Better leave them out.",
        )
    if any(text != text.strip() for text in texts):
        yield Finding(
            ADVICE,
            f"{name} begins or ends with a blank or a line break, which is a part of it here: the "
            "issuer must have it, too. Better leave it out.",
        )
    if any(len(set(text)) < FEW_CHARACTERS for text in texts):
        yield Finding(
            ADVICE,
            f"{name} has fewer than {FEW_CHARACTERS} different characters, so that it can be "
            "guessed: `openssl rand -base64 32` makes a good one.",
        )


def examine_jwks(settings: Settings, url: str) -> Iterator[Finding]:
    """Whether the issuer answers, and what with. The secrets are then for nothing."""
    try:
        keys = asyncio.run(fetch(url))
    except FetchError as error:
        yield Finding(FATAL, f"AUTH_JWKS_URL does not lead to keys: {error}.")
    else:
        kinds = ", ".join(sorted(key.algorithm for key in keys.keys)) or "none"
        mark = GOOD if keys.keys else FATAL
        yield Finding(mark, f"AUTH_JWKS_URL answers; keys that can be used: {kinds}.")
        yield from examine_other_keys(keys)
    if settings.better_auth_secret is not None or settings.better_auth_old_secrets:
        yield Finding(
            ADVICE,
            "BETTER_AUTH_SECRET and BETTER_AUTH_OLD_SECRETS are not used beside AUTH_JWKS_URL: a "
            "secret that nobody needs here should not be here.",
        )


def examine_other_keys(keys: PublicKeys) -> Iterator[Finding]:
    """Those in the document that verify nothing."""
    if keys.exposed:
        yield Finding(
            ADVICE,
            f"AUTH_JWKS_URL publishes private keys ({keys.exposed}), which are not used: whoever "
            "reads them could sign. The issuer should replace them.",
        )
    if keys.ignored:
        yield Finding(
            ADVICE, f"AUTH_JWKS_URL holds keys of other kinds ({keys.ignored}), which are not used."
        )
