"""The command `seed`: sample users and tasks for the database of this folder."""

import sys

import click

from todo_graphql.dev.database import database_here
from todo_graphql.dev.demo_user import DEMO_USER
from todo_graphql.runtime.preflight import check_database
from todo_graphql.settings.settings import Settings
from todo_graphql.store.maintenance.seed import sample_users, seed
from todo_graphql.store.postgres.engine import Database


def run_seed(settings: Settings, users: int, tasks: int) -> None:
    """Generate users and tasks. The first user is the demo user."""
    with database_here(settings) as here:
        check_database(here)
        database = Database(here)
        viewers = [DEMO_USER, *sample_users(users - 1)]
        try:
            with click.progressbar(length=tasks, label="Generating tasks", file=sys.stderr) as bar:
                for number in seed(database, viewers, tasks):
                    bar.update(number)
        finally:
            database.close()
