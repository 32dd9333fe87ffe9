"""Health checks, for whoever decides to restart a process or to send requests to it."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from todo_graphql.server import paths
from todo_graphql.server.auth import Authenticator
from todo_graphql.server.readiness import Readiness
from todo_graphql.server.workers import Workers


def health_router(
    authenticator: Authenticator, readiness: Readiness, workers: Workers, timeout: float
) -> APIRouter:
    """GET /health/live and GET /health/ready. Anybody may ask, without a token; many monitors
    ask by HEAD. Who has no answer after `timeout` seconds is told that there is none.
    """
    router = APIRouter()

    @router.api_route(paths.LIVE, methods=["GET", "HEAD"])
    async def live() -> JSONResponse:
        return JSONResponse({"status": "live"})

    @router.api_route(paths.READY, methods=["GET", "HEAD"])
    async def ready() -> JSONResponse:
        try:
            async with asyncio.timeout(timeout):
                reason = await workers.run(readiness.reason_against)
        except TimeoutError:
            reason = "The database does not answer in time."
        if reason is None and not authenticator.has_keys:
            reason = "The keys that verify tokens have not been fetched yet."
        if reason is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": reason}, 503)

    return router
