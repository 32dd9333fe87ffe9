"""The demo user, and tokens of users for development."""

import time
import uuid

from todo_graphql.server.auth.tokens import sign
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Viewer

DEMO_USER = Viewer(uuid.UUID("d0d0d0d0-0000-4000-8000-000000000001"), "demo@example.com")
DEMO_TOKEN_DAYS = 7


def token_for(viewer: Viewer, settings: Settings, seconds: int) -> str:
    """Return a token like those of Better Auth."""
    now = int(time.time())
    claims: dict[str, object] = {"sub": str(viewer.id), "iat": now, "exp": now + seconds}
    if viewer.email is not None:
        claims["email"] = viewer.email
    return sign(settings, claims)


def demo_token(settings: Settings) -> str | None:
    """Return a token for GraphiQL, or None if an issuer signs the tokens."""
    if settings.auth_jwks_url is not None:
        return None
    return token_for(DEMO_USER, settings, DEMO_TOKEN_DAYS * 86_400)
