"""What the person is told outside of the platform."""

import structlog

from maillage.access.context import Context
from maillage.connectors.mail.mailer import Letter
from maillage.errors import Invalid, NotFound
from maillage.jobs import Job, errand, reaction
from maillage.services.rights import rules
from maillage.services.rights.events import EmergencyOpened

log = structlog.get_logger(__name__)


@reaction(EmergencyOpened)
async def tell_the_person(ctx: Context, event: EmergencyOpened) -> None:
    """Whose record was opened in an emergency is written to at once, where the record has an address."""
    if await _address(ctx, event.patient):
        await ctx.later(write_to_the_person, opening=event.opening, patient=event.patient)


@errand(queue="mail")
async def write_to_the_person(job: Job, *, opening: str, patient: str) -> None:
    """Sends the e-mail: that there is something to see, and nothing of what."""
    async with job.act(read_only=True) as ctx:
        address = await _address(ctx, patient)
    if address is None:
        return
    subject, text = rules.emergency_mail(job.outside.base_url)
    try:
        await job.outside.mail.send(Letter(to=address, subject=subject, text=text, key=f"emergency-{opening}"))
    except Invalid as fault:
        log.warning("mail_refused", reason=fault.message)


async def _address(ctx: Context, patient: str) -> str | None:
    try:
        resource = await ctx.records.read("Patient", patient)
    except NotFound:
        return None
    return rules.email_of(resource)
