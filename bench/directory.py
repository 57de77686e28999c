"""The directory case: `HealthcareService?organization.type=` with eleven values, on 20,000 organisations with three services each.

    python -m bench.directory [--organisations 20000] [--types 100,2000] [--seconds 2]

Starts its own PostgreSQL with the settings of production and asks through the store, one connection. `--types`: how many types of
organisation there are, so that a value is held by many (200 of 20,000) or by few (10). Ends with 1 where a 95th percentile is over 50 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from pathlib import Path

from bench.growth import timed
from bench.reference import Figures
from bench.searches import Ask, asked
from bench.store import STORE

from maillage.db import Database, EmbeddedPostgres, migrate
from maillage.fhir.change import Resource
from maillage.fhir.scope import Scope

BOUND = 50  # ms
VALUES = 11
SERVICES = 3
QUESTIONS = 200
FORMS = {
    "": "a page",
    "&_sort=-_lastUpdated": "the newest first",
    "&_sort=name": "by name",
    "&active=true": "and another condition",
    "&service-type=st3": "and a condition that few meet",
    "&_include=HealthcareService:organization": "with the organisations",
    "&_total=accurate": "with the exact total",
    "&_count=1000": "a page of a thousand",
}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--organisations", type=int, default=20_000)
    options.add_argument("--types", default="100,2000")
    options.add_argument("--seconds", type=float, default=2.0)
    chosen = options.parse_args()
    figures, missed = Figures(), 0
    for types in map(int, chosen.types.split(",")):
        with tempfile.TemporaryDirectory(prefix="mld-", dir="/tmp") as folder:
            Path(folder).chmod(0o755)
            with EmbeddedPostgres(Path(folder)) as server:
                migrate(server.dsn)
                missed += asyncio.run(measure(server.dsn, chosen.organisations, types, chosen.seconds, figures))
    print(figures.text())
    return 1 if missed else 0


async def measure(dsn: str, organisations: int, types: int, seconds: float, figures: Figures) -> int:
    """Adds the figures of one directory; how many of them miss the bound."""
    missed = 0
    async with await Database.open(dsn, size=1) as database:
        async with database.transaction() as conn:
            await STORE.load(conn, [organisation(n, types) for n in range(organisations)])
            await STORE.load(conn, [service(n, organisations) for n in range(organisations * SERVICES)])
        for form, what in FORMS.items():
            timing = await timed(database, Scope.all(), questions(types, form), seconds)
            bound = BOUND if form == "" else None
            name = f"HealthcareService?organization.type= ({VALUES} of {types} types), {what}"
            figures.add(f"{name}, p50", timing.p50, "ms")
            figures.add(f"{name}, p95", timing.p95, "ms", bound=bound)
            missed += bound is not None and timing.p95 > bound
    return missed


def organisation(n: int, types: int) -> Resource:
    kind = {"coding": [{"system": "urn:type", "code": f"t{n * 7919 % types}"}]}
    return {"resourceType": "Organization", "id": f"o{n}", "active": True, "name": f"Établissement {n}", "type": [kind]}


def service(n: int, organisations: int) -> Resource:
    return {
        "resourceType": "HealthcareService", "id": f"s{n}", "active": True, "name": f"Consultation {n}",
        "providedBy": {"reference": f"Organization/o{n % organisations}"}, "type": [{"coding": [{"code": f"st{n % 1_000}"}]}],
    }  # fmt: skip


def questions(types: int, form: str) -> list[Ask]:
    r = random.Random(3)

    def values() -> str:
        return ",".join(f"urn:type|t{one}" for one in r.sample(range(types), VALUES))

    return [asked(f"HealthcareService?organization.type={values()}{form}") for _ in range(QUESTIONS)]


if __name__ == "__main__":
    raise SystemExit(main())
