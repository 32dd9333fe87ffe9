"""The paths of the API, and their names in metrics and traces."""

GRAPHQL = "/graphql"
EXPORT = "/export"
IMPORT = "/import"
LIVE = "/health/live"
READY = "/health/ready"

METHODS = ("GET", "HEAD", "POST")
"""The methods of /graphql, which are those of all routes."""

KNOWN = frozenset({GRAPHQL, EXPORT, IMPORT, LIVE, READY})
OTHER = "other"


def known_path(path: str) -> str:
    """Return a path of the API, or OTHER: clients must not choose the names in metrics."""
    return path if path in KNOWN else OTHER
