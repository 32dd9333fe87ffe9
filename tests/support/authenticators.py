"""What reads tokens, without HTTP: by a secret, or by the keys of an issuer."""

import asyncio

import pytest
from pydantic import SecretStr

from tests.support.issuer import Issuer
from tests.support.servers import SECRET
from todo_graphql.errors import Problem
from todo_graphql.server.auth.keys import NoKeys, UnknownKey
from todo_graphql.server.auth.tokens import Authenticator
from todo_graphql.settings.settings import Settings

UNKNOWN = "The token's key is unknown."


def authenticator(**configured: object) -> Authenticator:
    """One for direct use, without a server around it."""
    return Authenticator(settings_with(**configured))


def settings_with(**configured: object) -> Settings:
    """A secret, and what is given here."""
    return Settings.from_environment(**{"better_auth_secret": SecretStr(SECRET), **configured})


def trusting(url: str, **given: object) -> Authenticator:
    """One that has fetched no keys yet."""
    return Authenticator(Settings.from_environment(auth_jwks_url=url, **given))


def with_keys_of(issuer: Issuer) -> Authenticator:
    """One that has fetched them, as if for a first token."""
    gate = trusting(issuer.url)
    asyncio.run(gate.refresh_keys())
    return gate


def identified(gate: Authenticator, token: str) -> str:
    """By the same steps as those of a request."""

    async def identify() -> str:
        try:
            return str(gate.viewer_of(token).id)
        except (NoKeys, UnknownKey):
            await gate.refresh_keys()
            return str(gate.viewer_of(token).id)

    return asyncio.run(identify())


def sentence_against(gate: Authenticator, token: str) -> str:
    with pytest.raises(Problem) as refusal:
        identified(gate, token)
    return refusal.value.message
