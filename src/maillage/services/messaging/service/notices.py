"""Documents put before the circle of the person they are about, and taken back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from maillage.access.context import Context
from maillage.http.live import tell
from maillage.services.directory import public as directory
from maillage.services.documents import public as documents
from maillage.services.documents.events import AnnouncementDue
from maillage.services.messaging.events import NoticePosted
from maillage.services.messaging.resources import notice as resources
from maillage.services.messaging.resources.notice import TO_TREAT, TREATED, WITHDRAWN
from maillage.services.messaging.rules import notices as rules
from maillage.services.messaging.service.telling import NOTHING, Due, owe

TOPIC = "nouveautes"


@dataclass(frozen=True, slots=True)
class Posted:
    """Who was newly told (references), and what may go at once."""

    recipients: list[str]
    due: Due = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A document to put before a person's circle: ids of both, references of its author and of its establishment where they are known."""

    document: str
    patient: str
    author: str | None
    custodian: str | None


async def post(ctx: Context, news: Sequence[News]) -> Posted:
    """Puts each document before everyone of the person's circle who may see it, but its author, once."""
    circles = await directory.circles(ctx, {one.patient for one in news})
    told = await _who_see(
        ctx, [(one, member) for one in news for member in rules.recipients(circles[one.patient], author=one.author)]
    )
    about = await _notices_about(ctx, {one.document for one, _ in told})
    known = {(resources.document_of(notice), resources.recipient_of(notice)) for notice in about}
    new = {key: (one, member) for one, member in told if (key := (one.document, member.reference)) not in known}
    if not new:
        return Posted([])
    await ctx.records.write_all(
        resources.notice_for(
            document=one.document, patient=one.patient, recipient=member.reference, sender=one.custodian, at=ctx.now
        )
        for one, member in new.values()
    )
    for one, member in new.values():
        ctx.announce(NoticePosted(recipient=member.reference, document=one.document, patient=one.patient))
    members = [member for _, member in new.values()]
    await tell(ctx, {member.reference for member in members}, topic=TOPIC)
    return Posted([member.reference for member in members], await owe(ctx, members))


async def remind(ctx: Context, due: AnnouncementDue) -> Posted:
    """Puts a document that waits to be announced before its author, whom nobody told of it when it came."""
    author = str(due.author)
    known = {resources.recipient_of(notice) for notice in await _notices_about(ctx, {due.document})}
    members = [one for one in await directory.circle(ctx, due.patient) if one.reference == author]
    reader = directory.reader(members[0]) if members else directory.somebody(author)
    if author in known or not all(await ctx.records.seen_by([(reader, "DocumentReference", due.document)])):
        return Posted([])
    notice = resources.notice_for(
        document=due.document, patient=due.patient, recipient=author, sender=due.organization, at=ctx.now
    )
    await ctx.records.write(notice)
    ctx.announce(NoticePosted(recipient=author, document=due.document, patient=due.patient))
    await tell(ctx, {author}, topic=TOPIC)
    return Posted([author], await owe(ctx, members))


async def withdraw(ctx: Context, *, document: str, status: str = WITHDRAWN) -> int:
    """Takes the notices about a document out of every inbox: it was deleted (withdrawn) or replaced (treated)."""
    open_ = [n for n in await _notices_about(ctx, {document}) if n["status"] == TO_TREAT]
    if open_:
        await ctx.records.write(*(resources.with_status(n, status) for n in open_))
        await tell(ctx, [resources.recipient_of(n) for n in open_], topic=TOPIC)
    return len(open_)


@documents.tells_deliveries
async def deliveries(ctx: Context, document: str) -> list[documents.Delivery]:
    """Who was put a document before, by name, and whether each has treated it."""
    about = [
        ("identifier", f"{resources.DOCUMENT_SYSTEM}|{document}"),
        ("_include", "Communication:recipient"),
        ("_count", "100"),
    ]
    page = await ctx.records.search("Communication", about)
    named = {f"{one['resourceType']}/{one['id']}": resources.name_of(one) for one in page.included}
    return [
        documents.Delivery(named[recipient], notice["status"] == TREATED)
        for notice in page.matches
        if notice["status"] != WITHDRAWN and (recipient := resources.recipient_of(notice)) in named
    ]


async def _who_see(ctx: Context, told: Sequence[tuple[News, directory.Member]]) -> list[tuple[News, directory.Member]]:
    """Those who would find the document if they looked for it: a notice, or an e-mail, tells that there is one."""
    asked = [(directory.reader(member), "DocumentReference", one.document) for one, member in told]
    seen = await ctx.records.seen_by(asked)
    return [pair for pair, may in zip(told, seen, strict=True) if may]


async def _notices_about(ctx: Context, documents: Iterable[str]) -> list[dict[str, Any]]:
    """Every notice about these documents, in as many pages as it takes."""
    wanted = ",".join(f"{resources.DOCUMENT_SYSTEM}|{document}" for document in sorted(documents))
    found: list[dict[str, Any]] = []
    more: list[tuple[str, str]] | None = [] if wanted else None
    while more is not None:
        page = await ctx.records.search("Communication", [("identifier", wanted), ("_count", "1000"), *more])
        found += page.matches
        more = [("_cursor", page.next)] if page.next else None
    return found
