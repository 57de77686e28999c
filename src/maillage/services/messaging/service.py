"""The verbs of messaging: post notices, treat them, send the e-mails that say to look."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.access.permissions import Permission
from maillage.db import load_queries
from maillage.errors import Forbidden
from maillage.http.live import tell
from maillage.services.directory import public as directory
from maillage.services.documents import public as documents
from maillage.services.documents.events import AnnouncementDue
from maillage.services.messaging import resources, rules
from maillage.services.messaging.events import NoticePosted, NoticeTreated
from maillage.services.messaging.resources import TO_TREAT, TREATED, WITHDRAWN

QUERIES = load_queries(__package__)
PAGE = 50
TOPIC = "nouveautes"


@dataclass(frozen=True, slots=True)
class Posted:
    """Who was newly told (references), and whether an e-mail may go at once."""

    recipients: list[str]
    mail: bool = False


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
    return Posted([member.reference for member in members], await _owe_mail(ctx, members))


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
    return Posted([author], await _owe_mail(ctx, members))


async def withdraw(ctx: Context, *, document: str, status: str = WITHDRAWN) -> int:
    """Takes the notices about a document out of every inbox: it was deleted (withdrawn) or replaced (treated)."""
    open_ = [n for n in await _notices_about(ctx, {document}) if n["status"] == TO_TREAT]
    if open_:
        await ctx.records.write(*(resources.with_status(n, status) for n in open_))
        await tell(ctx, [resources.recipient_of(n) for n in open_], topic=TOPIC)
    return len(open_)


async def mark(ctx: Context, *, notice: str, treated: bool) -> dict[str, Any]:
    """Marks one's own notice as treated, or takes that back. Forbidden on another's."""
    ctx.require(Permission.INBOX_TREAT)
    resource = await ctx.records.read("Communication", notice)
    if resources.recipient_of(resource) != ctx.actor.reference:
        raise Forbidden("a notice is marked by the one it was sent to")
    wanted = TREATED if treated else TO_TREAT
    if resource["status"] == wanted:
        return resource
    written = await ctx.records.write(resources.with_status(resource, wanted))
    ctx.announce(NoticeTreated(notice=notice, recipient=ctx.actor.reference or "", treated=treated))
    return written


@dataclass(frozen=True, slots=True)
class Inbox:
    """One page of an inbox: notices newest first, the patients and documents they are about by id, the next page's cursor."""

    notices: list[resources.Notice]
    patients: dict[str, dict[str, Any]]
    documents: dict[str, dict[str, Any]]
    next: str | None


async def inbox(ctx: Context, *, treated: bool = False, cursor: str | None = None) -> Inbox:
    """The notices of whoever acts, in two statements."""
    ctx.require(Permission.INBOX_READ)
    parameters = [
        ("recipient", ctx.actor.reference or "Practitioner/none"),
        ("status", TREATED if treated else TO_TREAT),
        ("category", resources.NOTIFICATION),
        ("_sort", "-sent"),
        ("_count", str(PAGE)),
        ("_include", "Communication:subject"),
    ]
    if cursor:
        parameters.append(("_cursor", cursor))
    page = await ctx.records.search("Communication", parameters)
    notices = [resources.notice_from(r) for r in page.matches if resources.is_notice(r)]
    documents = await _documents(ctx, {n.document for n in notices})
    return Inbox(notices, {r["id"]: r for r in page.included}, documents, page.next)


async def count_to_treat(ctx: Context) -> int:
    """How many notices wait for whoever acts: the figure in the top bar."""
    parameters = [
        ("recipient", ctx.actor.reference or "Practitioner/none"),
        ("status", TO_TREAT),
        ("category", resources.NOTIFICATION),
        ("_summary", "count"),
    ]
    return (await ctx.records.search("Communication", parameters)).total or 0


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


async def _documents(ctx: Context, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    if not (wanted := ",".join(sorted(ids))):
        return {}
    found = await ctx.records.find("DocumentReference", [("_id", wanted), ("_count", str(PAGE))])
    return {r["id"]: r for r in found}


async def _owe_mail(ctx: Context, members: Iterable[directory.Member]) -> bool:
    counted = Counter((member.reference, member.email) for member in members if member.email)
    if not counted:
        return False
    owed = [{"recipient": recipient, "address": address, "notices": count} for (recipient, address), count in counted.items()]
    text = msgspec.json.encode(owed).decode()
    return bool(await ctx.run(QUERIES.owe_mail, owed=text, now=ctx.now, before=ctx.now - rules.MAIL_EVERY))


@dataclass(frozen=True, slots=True)
class Owed:
    """An e-mail that may go: to whom, how many notices it counts, since when they wait."""

    recipient: str
    address: str
    count: int
    since: datetime


async def owed_mail(ctx: Context, *, limit: int) -> list[Owed]:
    """The e-mails that may go now; one person is written to once an hour at most."""
    rows = await ctx.run(QUERIES.owed_mail, before=ctx.now - rules.MAIL_EVERY, limit=limit)
    return [Owed(row["recipient"], row["address"], row["pending"], row["since"]) for row in rows]


async def mail_sent(ctx: Context, *, recipient: str, counted: int) -> None:
    """An e-mail went; notices posted since are still owed."""
    await ctx.run(QUERIES.mail_sent, recipient=recipient, counted=counted, now=ctx.now)


async def mail_refused(ctx: Context, *, recipient: str) -> None:
    """The mail server refuses this address for good."""
    await ctx.run(QUERIES.mail_refused, recipient=recipient, now=ctx.now)


@forgets
async def forget_addresses(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """Nothing is owed to people whose record is erased. Notices are resources, erased as such."""
    await ctx.run(QUERIES.forget, recipients=[one.name for one in erased if one.type in ("Patient", "RelatedPerson")])
    return []
