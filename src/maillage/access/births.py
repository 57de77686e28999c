"""When the person of a record was born, for who decides about the record without reading it."""

from datetime import date
from typing import TYPE_CHECKING

from maillage.access.audit import Action
from maillage.access.grants import QUERIES
from maillage.access.permissions import Permission
from maillage.errors import NotFound
from maillage.fhir import ids

if TYPE_CHECKING:
    from maillage.access.context import Context


async def birth_date_of(ctx: "Context", record: str, *, permission: Permission) -> date | None:
    """The birth date of a Patient (its id), None where it is not known to the day. NotFound where there is none; asking is in the person's trail."""
    ctx.require(permission)
    row = await ctx.run(QUERIES.birth_date_of, rt=ids.number("Patient"), id=ids.key(record))
    if row is None:
        raise NotFound(f"no record {record}")
    ctx.trace(Action.READ, "Patient", record, patient=record, query="birthDate")
    try:
        return date.fromisoformat(row["born"] or "")
    except ValueError:
        return None
