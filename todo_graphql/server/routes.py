"""Where everything is, and what a path is called where clients must not choose the name."""

GRAPHQL = "/graphql"
EXPORT = "/export"
IMPORT = "/import"
LIVE = "/health/live"
READY = "/health/ready"

KNOWN = frozenset({GRAPHQL, EXPORT, IMPORT, LIVE, READY})
OTHER = "other"


def known_path(path: str) -> str:
    """The path, if it is one of ours. All others are as one, because clients choose them."""
    return path if path in KNOWN else OTHER
