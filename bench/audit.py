"""The proof of the trail: entries a second that `maillage audit verify` recomputes, beside a bare SHA-256 over the same rows read by COPY.

    python -m bench.audit [--entries 300000] [--times 3]

Durable settings, rows written by `audit_append` as the platform writes them (from links of one row, a page read, to links of twenty, a bundle), by
several connections, so in several chains. The reference is one connection and one process: what reading the rows and hashing them costs at least.
"""

import argparse
import asyncio
import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import psycopg
from bench.reference import Figures

from maillage.access import chain
from maillage.db import Database, EmbeddedPostgres, migrate

LEAST = 200_000  # entries a second: the bound
WRITERS = 6
SIZES = (1, 1, 1, 1, 1, 1, 3, 3, 3, 20)  # rows of a link: 3.5 in the mean

FILL = """
select count(audit_append(entries)) from (
  select (select jsonb_agg(jsonb_build_object(
      'at', '2026-11-22T08:00:00Z'::timestamptz + link * interval '1 second', 'actor', 'psc:8' || (10000000 + mod(link, 900)), 'kind', 'professional',
      'name', 'Camille Exemple ' || mod(link, 900), 'roles', array['gp'], 'reference', 'Practitioner/' || gen_random_uuid(),
      'organizations', array['Organization/' || gen_random_uuid()], 'purpose', 'TREAT', 'door', 'fhir', 'action', 'R',
      'type', (array['Condition', 'Observation', 'DocumentReference'])[1 + mod(line, 3)], 'id', gen_random_uuid(),
      'patients', array[gen_random_uuid()], 'outcome', '0',
      'query', case when mod(line, 3) = 0 then 'patient=Patient/' || gen_random_uuid() || '&_sort=-date&_count=20' end))
    from generate_series(1, (%(sizes)s::int[])[1 + mod(link, cardinality(%(sizes)s::int[]))]) line) as entries
  from generate_series(1, %(links)s) link offset 0) filled
"""


def fill(dsn: str, entries: int) -> None:
    """Links of real shapes in as many chains as there are connections, written one by one."""
    links = round(entries / WRITERS / statistics.mean(SIZES))
    connections = [psycopg.connect(dsn, autocommit=True) for _ in range(WRITERS)]
    for connection in connections:
        connection.execute(FILL, {"sizes": list(SIZES), "links": links})
    connections[0].execute("vacuum analyze audit, audit_batch")
    for connection in connections:
        connection.close()


def bare(dsn: str) -> float:
    """Entries a second of SHA-256 alone over the rows as COPY sends them."""
    digest, rows, began = hashlib.sha256(), 0, time.perf_counter()
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        with cursor.copy("copy (select * from audit order by chain, batch, place) to stdout (format binary)") as sent:
            for block in sent:
                digest.update(block)
        rows = cursor.rowcount
    return rows / (time.perf_counter() - began)


async def verified(dsn: str, lanes: int) -> float:
    """Entries a second of the verification."""
    async with await Database.open(dsn, size=lanes) as database:
        found = await chain.verify(database, lanes=lanes)
    if not found.holds:
        raise SystemExit(f"the trail does not hold: {found.faults[0]}")
    return found.entries / found.seconds


def measure(dsn: str, times: int) -> Figures:
    figures = Figures()
    turns = [(bare(dsn), asyncio.run(verified(dsn, 1)), asyncio.run(verified(dsn, chain.LANES))) for _ in range(times)]
    reference, one, both = (statistics.median(turn) for turn in zip(*turns, strict=True))
    figures.add("COPY and SHA-256, one process", reference, "entries/s")
    beside = ("COPY and SHA-256", reference)
    figures.add("verify, 1 connection", one, "entries/s", reference=beside)
    figures.add(f"verify, {chain.LANES} connections", both, "entries/s", bound=LEAST, least=True, reference=beside)
    return figures


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--entries", type=int, default=300_000)
    options.add_argument("--times", type=int, default=3)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlg-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder)) as server:
            migrate(server.dsn)
            fill(server.dsn, chosen.entries)
            print(measure(server.dsn, chosen.times).text())


if __name__ == "__main__":
    main()
