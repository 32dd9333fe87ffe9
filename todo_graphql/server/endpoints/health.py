"""Health checks: liveness for a supervisor, readiness for a load balancer."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from todo_graphql.server import routes
from todo_graphql.server.auth.tokens import Authenticator
from todo_graphql.server.readiness import Readiness
from todo_graphql.server.thread_pool import ThreadPool


def health_router(
    authenticator: Authenticator, readiness: Readiness, thread_pool: ThreadPool, timeout: float
) -> APIRouter:
    """Return the routes of the health checks.

    They require no token, and allow HEAD, which many monitors use. A database that does not respond
    within `timeout` seconds is not ready.
    """
    router = APIRouter()

    @router.api_route(routes.LIVE, methods=["GET", "HEAD"])
    async def live() -> JSONResponse:
        return JSONResponse({"status": "live"})

    @router.api_route(routes.READY, methods=["GET", "HEAD"])
    async def ready() -> JSONResponse:
        try:
            async with asyncio.timeout(timeout):
                reason = await thread_pool.run(readiness.reason_against)
        except TimeoutError:
            reason = "The database does not respond in time."
        if reason is None and not authenticator.has_keys:
            reason = "The keys that verify tokens have not been fetched yet."
        if reason is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": reason}, 503)

    return router
