"""PostgreSQL: pool, transactions, named SQL, migrations, the embedded server."""

from maillage.db.embedded import EmbeddedPostgres
from maillage.db.late import LateTransaction, begun
from maillage.db.migrations import migrate, pending
from maillage.db.pool import (
    Connection,
    Database,
    count_one,
    count_statements,
    end_if_cancelled,
    execute_planned_anew,
    fetch,
)
from maillage.db.queries import Queries, Query, load_queries
from maillage.db.remembering import remembered

__all__ = [
    "Connection",
    "Database",
    "EmbeddedPostgres",
    "LateTransaction",
    "Queries",
    "Query",
    "begun",
    "count_one",
    "count_statements",
    "end_if_cancelled",
    "execute_planned_anew",
    "fetch",
    "load_queries",
    "migrate",
    "pending",
    "remembered",
]
