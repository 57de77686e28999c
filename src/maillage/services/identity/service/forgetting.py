"""What is known here of people whose record is erased (RGPD art. 17): traits, identifiers and cases."""

from collections.abc import Sequence

from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.services.identity.service.people import QUERIES


@forgets
async def forget_people(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """They identify nobody any more; no document of ours is unnamed by it."""
    for one in erased:
        if one.type == "Patient":
            await ctx.run(QUERIES.forget_person, patient=one.id)
    return []
