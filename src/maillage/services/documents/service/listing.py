"""Lists the documents of a person, a page at a time, the last received first."""

from dataclasses import dataclass

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.services.documents.resources.summary import DocumentSummary, summary
from maillage.services.documents.rules import EVERYTHING, Wanted
from maillage.services.identity.public import identities_of

PAGE = 50
MOST_ESTABLISHMENTS = 20


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of documents, and the cursor of the page after it (None: that was all).

    `vague` is true when more establishments have the wanted name than are looked for: the page may then miss documents.
    """

    documents: tuple[DocumentSummary, ...]
    next: str | None = None
    vague: bool = False


async def documents_of(
    ctx: Context, patient: str, *, wanted: Wanted = EVERYTHING, cursor: str | None = None, count: int = PAGE
) -> Listing:
    """A page of the documents of a person under all their identities, the last received first; what was replaced is left out.

    Raises Invalid for a cursor that another list gave.
    """
    ctx.require(Permission.DOCUMENT_READ, patient=patient)
    houses, vague = await _establishments(ctx, wanted.establishment)
    if houses == []:
        return Listing(())
    params = [
        ("patient", ",".join(await identities_of(ctx, patient))),
        ("status", "current"),
        *(("description:contains", word) for word in wanted.words),
        *([("type", wanted.type)] if wanted.type else []),
        *([("date", wanted.received)] if wanted.received else []),
        *([("custodian", ",".join(houses))] if houses else []),
        *([("_cursor", cursor)] if cursor else []),
        ("_sort", "-date"),
        ("_count", str(count)),
    ]
    page = await ctx.records.search("DocumentReference", params)
    return Listing(tuple(summary(one) for one in page.matches), page.next, vague)


async def _establishments(ctx: Context, words: tuple[str, ...]) -> tuple[list[str] | None, bool]:
    """The establishments of this name, None when none is asked for; and whether there are more."""
    if not words:
        return None, False
    params = [*(("name:contains", word) for word in words), ("_count", str(MOST_ESTABLISHMENTS))]
    page = await ctx.records.search("Organization", params)
    return [f"Organization/{one['id']}" for one in page.matches], page.next is not None
