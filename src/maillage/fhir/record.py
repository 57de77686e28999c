"""The newest of some types in the records of patients."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from maillage.db import Connection, fetch, load_queries
from maillage.fhir import ids
from maillage.fhir.change import Stored
from maillage.fhir.reading import stored
from maillage.fhir.scope import Scope

QUERIES = load_queries("maillage.fhir")


async def compartment(
    conn: Connection, patients: Sequence[str], limits: Mapping[str, int], *, scope: Scope
) -> dict[str, list[Stored]]:  # fmt: skip
    """The newest resources (by main date) of each named type in these patients' records, at most `limits[type]` a patient and type."""
    parameters = {
        "patients": [ids.key(patient) for patient in patients],
        "types": [ids.number(kind) for kind in limits],
        "limits": list(limits.values()),
        **scope.params,
    }
    found: dict[str, list[Stored]] = {kind: [] for kind in limits}
    for row in await fetch(conn, _compartment(scope.sql("r")), parameters, binary=True):
        found[ids.kind(row["rt"])].append(stored(row))
    return found


@lru_cache(maxsize=64)
def _compartment(seen: str) -> bytes:
    return QUERIES.text("compartment").replace("{seen}", seen).encode()
