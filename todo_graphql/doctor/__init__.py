"""`doctor`: one finding for each thing that must be right."""

from todo_graphql.config import Settings
from todo_graphql.doctor.authentication import examine_authentication
from todo_graphql.doctor.database import examine_database
from todo_graphql.doctor.exposure import examine_exposure
from todo_graphql.doctor.findings import Finding
from todo_graphql.doctor.neighbours import examine_neighbours


def examine(settings: Settings) -> list[Finding]:
    """Look at everything, whatever is found on the way."""
    return [
        *examine_authentication(settings),
        *examine_exposure(settings),
        *examine_neighbours(settings),
        *examine_database(settings),
    ]
