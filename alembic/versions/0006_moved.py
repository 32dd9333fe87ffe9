"""Nothing: migration 0009 does what this revision did.

It stands behind the migrations that servers of earlier releases can run with. A database that
already has this revision repeats it without effect.

Revision ID: 0006
Revises: 0005
"""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Change nothing."""


def downgrade() -> None:
    """Change nothing."""
