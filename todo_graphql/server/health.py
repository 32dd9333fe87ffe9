"""Health checks, for whoever decides to restart a process or to send requests to it."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from todo_graphql.server.readiness import Readiness
from todo_graphql.server.workers import Workers


def health_router(readiness: Readiness, workers: Workers) -> APIRouter:
    """GET /health/live and GET /health/ready. Anybody may ask, without a token; many monitors
    ask by HEAD.
    """
    router = APIRouter(prefix="/health")

    @router.api_route("/live", methods=["GET", "HEAD"])
    async def live() -> JSONResponse:
        return JSONResponse({"status": "live"})

    @router.api_route("/ready", methods=["GET", "HEAD"])
    async def ready() -> JSONResponse:
        reason = await workers.run(readiness.reason_against)
        if reason is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": reason}, 503)

    return router
