"""What the person is told outside of the platform, and what is done by night: the trail is verified."""

import structlog

from maillage.access import anchor, checking
from maillage.access.context import Context
from maillage.connectors.mail.mailer import Letter
from maillage.errors import Invalid, NotFound
from maillage.jobs import Job, errand, periodic, reaction
from maillage.services.rights import rules
from maillage.services.rights.events import (
    EmergencyOpened,
    ErasureDecided,
    GuardianEnded,
    GuardianNamed,
    OppositionAccepted,
    SecretLifted,
)
from maillage.services.rights.service import erasing, guardians, requests, secrets, unusual
from maillage.services.rights.service.choices import choices_of

log = structlog.get_logger(__name__)


@reaction(EmergencyOpened)
async def tell_the_person(ctx: Context, event: EmergencyOpened) -> None:
    """Whose record was opened in an emergency is written to at once, where the record has an address and they did not say no."""
    if not (await choices_of(ctx, event.patient)).denied("messaging") and await _address(ctx, event.patient):
        await ctx.later(write_to_the_person, opening=event.opening, patient=event.patient)


@reaction(GuardianNamed)
async def let_the_guardian_in(ctx: Context, event: GuardianNamed) -> None:
    """Who represents a person sees their record."""
    await guardians.let_in(ctx, event.guardian)


@reaction(GuardianEnded)
async def shut_the_guardian_out(ctx: Context, event: GuardianEnded) -> None:
    """Who represents nobody any more sees nothing."""
    await guardians.let_in(ctx, event.guardian)


@reaction(SecretLifted)
async def open_what_was_secret(ctx: Context, event: SecretLifted) -> None:
    """What the person keeps from nobody any more carries the label no longer."""
    await secrets.take_label(ctx, event.record)


@reaction(OppositionAccepted)
async def record_the_opposition(ctx: Context, event: OppositionAccepted) -> None:
    """What the officer accepted is the person's choice from now on."""
    await requests.record_opposition(ctx, event.request)


@reaction(ErasureDecided)
async def begin_to_erase(ctx: Context, event: ErasureDecided) -> None:
    """What the officer decided is done by a job."""
    await ctx.later(erase, request=event.request)


@errand()
async def erase(job: Job, *, request: str) -> None:
    """Erases what was decided, then the bytes of its documents; a job that is killed is run again, from where it was."""
    async with job.act() as ctx:
        await erasing.carry_out(ctx, request, job.outside.erasures)
    left = True
    while left:
        async with job.act() as ctx:
            left = bool(await ctx.records.erasing.remove_bytes())
    async with job.act() as ctx:
        await erasing.end_erasure(ctx, request)


@periodic("30 2 * * *")
async def look_at_retentions(ctx: Context) -> None:
    """Records that the law keeps no longer are put before the officer, who decides."""
    await erasing.look_at_retentions(ctx)


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


@periodic("50 1 * * *")
async def look_for_the_unusual(ctx: Context) -> None:
    """What was unusual in the accesses of the day before is put before the officer."""
    await unusual.look_at_days_past(ctx)


@periodic("20 1 * * *")
async def verify_each_night(ctx: Context) -> None:
    """The whole trail is verified while few work."""
    await ctx.later(verify_the_trail)


@errand(attempts=3)
async def verify_the_trail(job: Job) -> None:
    """Recomputes the trail, compares it with all heads kept outside, keeps those of now, and alerts when something new does not hold."""
    found, heads = await job.access.verify_trail(kept=await anchor.kept(job.outside.anchor))
    async with job.act() as ctx:
        news = await checking.note(ctx, found)
    await anchor.keep(job.outside.anchor, heads)
    if news:
        log.error("audit_chain_broken", broken=found.broken, first=str(found.faults[0]))
        await _alert(job, found.broken)


async def _alert(job: Job, broken: int) -> None:
    if job.outside.alert:
        subject, text = rules.broken_trail_mail(job.outside.base_url, broken)
        await job.outside.mail.send(Letter(to=job.outside.alert, subject=subject, text=text, key=f"trail-{job.key}"))


async def _address(ctx: Context, patient: str) -> str | None:
    try:
        resource = await ctx.records.read("Patient", patient)
    except NotFound:
        return None
    return rules.email_of(resource)
