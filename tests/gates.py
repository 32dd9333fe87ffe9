"""Whoever trusts an issuer: what reads tokens, with keys that it fetches, but without HTTP."""

import asyncio

import pytest

from tests.issuers import Issuer
from todo_graphql.config import Settings
from todo_graphql.errors import Problem
from todo_graphql.server.auth import Authenticator
from todo_graphql.server.keys import NoKeys, UnknownKey

UNKNOWN = "The token's key is not known."


def authenticator(url: str, **given: object) -> Authenticator:
    return Authenticator(Settings.from_environment(auth_jwks_url=url, **given))


def with_keys_of(issuer: Issuer) -> Authenticator:
    """One that has fetched them, as if for a first token."""
    gate = authenticator(issuer.url)
    asyncio.run(gate.renew_keys())
    return gate


def identified(gate: Authenticator, token: str) -> str:
    """By the same steps as those of a request."""

    async def identify() -> str:
        try:
            return str(gate.viewer_of(token).id)
        except (NoKeys, UnknownKey):
            await gate.renew_keys()
            return str(gate.viewer_of(token).id)

    return asyncio.run(identify())


def sentence_against(gate: Authenticator, token: str) -> str:
    with pytest.raises(Problem) as refusal:
        identified(gate, token)
    return refusal.value.message
