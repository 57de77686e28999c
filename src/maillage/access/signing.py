"""Which resources somebody signed, and so answers for."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from maillage.access.grants import QUERIES, as_json
from maillage.access.references import grantee
from maillage.fhir import ids

if TYPE_CHECKING:
    from maillage.access.context import Context


async def signed_among(ctx: "Context", references: Iterable[str]) -> set[str]:
    """Those of these ("DocumentReference/3") that whoever acts signed, themself or in one of their roles and organisations."""
    named = {
        (ids.number(kind), ids.key(id)): one for one in references for kind, _, id in [one.partition("/")] if kind in ids.TYPES
    }
    if ctx.actor.reference is None or not named:
        return set()
    wanted = [{"rt": rt, "id": key} for rt, key in named]
    rows = await ctx.run(QUERIES.signed_among, wanted=as_json(wanted), author=grantee(ctx.actor.reference), now=ctx.now)
    return {named[row["rt"], row["id"]] for row in rows}
