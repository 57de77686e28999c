"""Least privilege in the database: the owner migrates, the processes run as a role that reads and writes rows and only adds to the trail."""

import psycopg
from psycopg.rows import dict_row

from maillage.access.platform import Platform
from maillage.db import load_queries
from maillage.errors import SetupError

QUERIES = load_queries("maillage.operator", "grants.sql")


async def grant_runtime(dsn: str, role: str) -> None:
    """Gives an existing role what the processes need of the schema that the caller owns, and takes the rest back. Run after each migration."""
    try:
        async with await psycopg.AsyncConnection.connect(dsn, row_factory=dict_row) as connection:
            await QUERIES.name_role(connection, role=role)
            await QUERIES.grant_runtime(connection)
    except psycopg.Error as fault:
        raise SetupError(f"the role {role!r} could not be given its rights: {fault.diag.message_primary or fault}") from fault


async def held_beyond(platform: Platform) -> list[str]:
    """What the role of the settings may do that the processes need not."""
    async with platform.database.reading(on_primary=True) as connection:
        return [row["held"] for row in await QUERIES.beyond(connection)]
