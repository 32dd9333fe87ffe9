"""Authenticators without HTTP, with a shared secret or with an issuer's public keys."""

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
UNFETCHED = "The key of the token cannot be fetched. Retry later."
NETWORK = "192.0.2.1"
"""The network of the client that sends the tokens."""


def authenticator(**configured: object) -> Authenticator:
    return Authenticator(settings_with(**configured))


def settings_with(**configured: object) -> Settings:
    """Return settings with the tests' secret and the given values."""
    return Settings.from_environment(**{"better_auth_secret": SecretStr(SECRET), **configured})


def trusting(url: str, **given: object) -> Authenticator:
    """Return an authenticator that has not fetched keys yet."""
    return Authenticator(Settings.from_environment(auth_jwks_url=url, **given))


def with_keys_of(issuer: Issuer) -> Authenticator:
    """Return an authenticator that has fetched the issuer's keys."""
    gate = trusting(issuer.url)
    asyncio.run(gate.refresh_keys(NETWORK))
    return gate


def identified(gate: Authenticator, token: str) -> str:
    """Return the user's id, after the steps that a request takes."""

    async def identify() -> str:
        try:
            return str(gate.viewer_of(token).id)
        except (NoKeys, UnknownKey):
            await gate.refresh_keys(NETWORK)
            return str(gate.viewer_of(token).id)

    return asyncio.run(identify())


def sentence_against(gate: Authenticator, token: str) -> str:
    """Return the message with which the token is rejected."""
    with pytest.raises(Problem) as refusal:
        identified(gate, token)
    return refusal.value.message
