"""What verifies tokens."""

from collections.abc import Iterator

from todo_graphql.config import ConfigurationError, Settings
from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.server.auth import Authenticator
from todo_graphql.server.jwks import FetchError, fetch
from todo_graphql.server.keys import PublicKeys


def examine_authentication(settings: Settings) -> Iterator[Finding]:
    """What verifies tokens, and what tells ours from others signed with it."""
    if settings.auth_jwks_url is None:
        yield from examine_secrets(settings)
        others = "Better Auth signs other things with the same secret"
    else:
        yield from examine_jwks(settings, settings.auth_jwks_url)
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
    """Whether they are long enough, and secrets at all."""
    try:
        Authenticator(settings)
    except ConfigurationError as error:
        yield Finding(FATAL, str(error))
        return
    yield Finding(GOOD, "BETTER_AUTH_SECRET is long enough.")
    if number := len(settings.better_auth_old_secrets):
        yield Finding(GOOD, f"BETTER_AUTH_OLD_SECRETS holds {number}, long enough, to verify with.")


def examine_jwks(settings: Settings, url: str) -> Iterator[Finding]:
    """Whether the issuer answers, and what with. The secrets are then for nothing."""
    try:
        keys = fetch(url)
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
