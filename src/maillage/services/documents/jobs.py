"""Who is reminded of what waits to be announced. Reactions: documents that waited for a steward reach people once it is known whose they are."""

import structlog

from maillage.access.context import Context
from maillage.connectors.mail.mailer import Letter
from maillage.errors import Invalid
from maillage.jobs import Job, errand, periodic, reaction
from maillage.services.documents import rules
from maillage.services.documents.events import AnnouncementDue
from maillage.services.documents.service import announcing, telling
from maillage.services.identity.events import IdentityLinked, IdentityPromoted
from maillage.services.rights import public as rights

log = structlog.get_logger(__name__)


@reaction(IdentityLinked)
async def tell_what_waited(ctx: Context, event: IdentityLinked) -> None:
    """A source identity refers to a regional record: its documents are told as if they came now."""
    await telling.tell(ctx, identity=event.source, record=event.record)


@reaction(IdentityPromoted)
async def tell_of_a_new_person(ctx: Context, event: IdentityPromoted) -> None:
    """A source identity became a record: likewise."""
    await telling.tell(ctx, identity=event.patient, record=event.patient)


@periodic("10 * * * *")
async def remind_of_announcements(ctx: Context) -> None:
    """What waits to be announced for two weeks is told, once, to its author and to its person."""
    await announcing.remind(ctx)


@reaction(AnnouncementDue)
async def tell_the_person_to_ask(ctx: Context, event: AnnouncementDue) -> None:
    """The person is written to that a professional has something to tell them, where they have an address and did not say no (CSP R1111-53)."""
    if await rights.address_to_write(ctx, event.patient):
        await ctx.later(write_to_ask, document=event.document, patient=event.patient)


@errand(queue="mail")
async def write_to_ask(job: Job, *, document: str, patient: str) -> None:
    """Sends the e-mail: to look, and nothing of what waits."""
    async with job.act(read_only=True) as ctx:
        address = await rights.address_to_write(ctx, patient)
    if address is None:
        return
    subject, text = rules.ask_mail(job.outside.base_url)
    try:
        await job.outside.mail.send(Letter(to=address, subject=subject, text=text, key=f"announcement-{document}"))
    except Invalid as fault:
        log.warning("mail_refused", reason=fault.message)
