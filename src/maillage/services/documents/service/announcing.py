"""Documents that their person is told of by a professional first: which wait, said when it is done, reminded after two weeks, open after a month.

The month is not prolonged: CSP R1111-53 knows no exception to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from maillage.access import unannounced
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.references import local
from maillage.db import load_queries
from maillage.errors import Conflict
from maillage.services.documents import rules
from maillage.services.documents.events import AnnouncementDue
from maillage.services.documents.resources.document_reference import hidden_from, shown_to
from maillage.services.documents.resources.summary import DocumentSummary, summary

QUERIES = load_queries("maillage.services.documents")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A document that its author is to announce: since when, whether that is two weeks or more, when it opens by itself."""

    document: DocumentSummary
    deposited: datetime
    opens: datetime
    late: bool


async def waiting(ctx: Context) -> Sequence[Waiting]:
    """What whoever acts wrote and its person was not told of yet, the next to open first."""
    due = {one.document: one for one in await unannounced.of_author(ctx)}
    found = await ctx.records.find("DocumentReference", {"_id": ",".join(due), "_count": str(len(due))}) if due else []
    shown = {one["id"]: summary(one) for one in found}
    late = ctx.now - unannounced.REMINDED_AFTER
    return [Waiting(shown[id], one.deposited, one.opens, one.deposited <= late) for id, one in due.items() if id in shown]


async def announce(ctx: Context, document: str) -> None:
    """A professional told the person: it is theirs to read from now on. NotFound to who does not see it; Conflict where it waits for nobody."""
    ctx.require(Permission.DOCUMENT_WRITE)
    resource = await ctx.records.read("DocumentReference", document)
    hidden = hidden_from(resource)
    if rules.HIDDEN_FROM_PATIENT not in hidden:
        raise Conflict(f"DocumentReference/{document} does not wait to be announced")
    patient = summary(resource).patient
    ctx.trace(Action.EXECUTE, "DocumentReference", document, patient=patient, query="announced")
    await ctx.records.write(shown_to(resource, [code for code in hidden if code != rules.HIDDEN_FROM_PATIENT]))


async def remind(ctx: Context) -> int:
    """Says, once each, of what documents the two weeks are over; how many."""
    due = [one.document for one in await unannounced.overdue(ctx)]
    new = [row["document"] for row in await ctx.run(QUERIES.remind, documents=due, now=ctx.now)] if due else []
    for id in new:
        resource = await ctx.records.read("DocumentReference", id)
        authors = [one for one in map(local, resource.get("author", [])) if one and one.startswith("Practitioner/")]
        custodian = local(resource.get("custodian"))
        ctx.announce(
            AnnouncementDue(
                document=id, patient=summary(resource).patient, author=next(iter(authors), None), organization=custodian
            )
        )
    return len(new)
