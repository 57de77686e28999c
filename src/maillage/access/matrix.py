"""The matrix of habilitations that is in force: read by whoever signed in, changed by the data protection officer. What is shipped is in `habilitation`."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from maillage.access.audit import Action
from maillage.access.habilitation import classes, profession_of, professions
from maillage.access.permissions import Permission
from maillage.db import load_queries
from maillage.errors import Invalid, NotFound
from maillage.fhir import ids

if TYPE_CHECKING:
    from maillage.access.context import Context

QUERIES = load_queries("maillage.access")
ALWAYS = frozenset({"identity", "circle"})
"""Classes that nobody of a circle can be kept from: without them there is no record to open."""


@dataclass(frozen=True, slots=True)
class Row:
    """One class: the codes of the professions that read it; when it was last changed and by whom, None as shipped."""

    readers: frozenset[str]
    changed: datetime | None
    changed_by: str | None


async def in_force(ctx: "Context") -> dict[str, Row]:
    """The rows of the matrix by code of their class."""
    ctx.require(Permission.SIGNED_IN)
    found = await ctx.run(QUERIES.matrix)
    return {row["class"]: Row(frozenset(row["readers"]), row["changed"], row["changed_by"]) for row in found}


async def types_kept(ctx: "Context") -> frozenset[str]:
    """The types of resources that the profession of whoever acts does not read: a page says nothing of them, not even that it knows nothing.

    None for who reads as no professional does.
    """
    profession = profession_of(ctx.actor)
    rows = await ctx.run(QUERIES.types_kept, profession=profession) if profession else []
    return frozenset(ids.kind(row["rt"]) for row in rows)


async def change(ctx: "Context", one: str, readers: Collection[str]) -> None:
    """From now on these professions (codes) read a class, and no others. It binds the next statement of everybody.

    NotFound for no class, Invalid for no profession or a class that everybody reads.
    """
    ctx.require(Permission.HABILITATION_WRITE)
    if one not in {known.code for known in classes()}:
        raise NotFound(f"no class {one}")
    if strange := set(readers) - {known.code for known in professions()}:
        raise Invalid.at("readers", f"{', '.join(sorted(strange))}: no profession of the matrix")
    if one in ALWAYS:
        raise Invalid.at("class", f"everybody of a circle reads {one}")
    await ctx.run(QUERIES.change_matrix, one=one, readers=sorted(readers), now=ctx.now, by=ctx.actor.name)
    ctx.trace(Action.UPDATE, "Basic", one, query=f"habilitation={','.join(sorted(readers))}")
