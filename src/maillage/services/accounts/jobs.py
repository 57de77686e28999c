"""What follows an invitation: the directory has the person, then the link is mailed. What follows a closing: the directory says that they left."""

from uuid import UUID

import structlog

from maillage.access import sessions
from maillage.access.context import Context
from maillage.access.sessions import NewDevice
from maillage.connectors.mail.mailer import Letter
from maillage.errors import Invalid
from maillage.jobs import Job, errand, periodic, reaction
from maillage.services.accounts.events import AccountClosed, AccountInvited
from maillage.services.accounts.rules import devices, invitations
from maillage.services.accounts.service import accounts
from maillage.ui.words import moment_words

NEW_DEVICE_PAGE = "/mes-appareils"
log = structlog.get_logger(__name__)
LINK = "/compte/lien"


@reaction(AccountInvited)
async def welcome(ctx: Context, event: AccountInvited) -> None:
    """The directory first: whoever uses the link at once already is somebody there."""
    await accounts.enrol(ctx, UUID(event.account))
    await ctx.later(mail_the_link, account=event.account, keeps=event.keeps)


@reaction(AccountClosed)
async def tell_the_directory(ctx: Context, event: AccountClosed) -> None:
    """Their membership ends."""
    await accounts.retire(ctx, UUID(event.account))


@errand(queue="mail")
async def mail_the_link(job: Job, *, account: str, keeps: bool = False) -> None:
    """A new link in a letter. The link is made here, so that no job holds it; one mailed twice, only the second opens anything."""
    async with job.act() as ctx:
        found = await accounts.account_by_id(ctx, UUID(account))
        if found.closed:
            return
        secret = await accounts.new_link(ctx, found.id, keeps=keeps)
    subject, text = invitations.letter(f"{job.outside.base_url.rstrip('/')}{LINK}?lien={secret}", again=found.ready is not None)
    try:
        await job.outside.mail.send(Letter(to=found.email, subject=subject, text=text, key=job.key))
    except Invalid as fault:
        log.warning("mail_refused", reason=fault.message)


@reaction(NewDevice)
async def tell_of_a_new_device(ctx: Context, event: NewDevice) -> None:
    """Whoever signs in with a browser that is new to them is written to, where they have an address."""
    await ctx.later(mail_of_a_new_device, actor=event.actor, reference=event.reference or "", session=event.session)


@errand(queue="mail")
async def mail_of_a_new_device(job: Job, *, actor: str, reference: str, session: str) -> None:
    """That there was a sign-in, on what, when: so that a stolen one is noticed."""
    async with job.act(read_only=True) as ctx:
        address = await accounts.address_of_actor(ctx, actor, reference)
        device = await sessions.device_of(ctx, UUID(session))
        now = ctx.now
    if address is None or device is None:
        return
    where = f"{job.outside.base_url.rstrip('/')}{NEW_DEVICE_PAGE}"
    subject, text = devices.new_device_letter(devices.device_words(device.agent), moment_words(device.opened, now), where)
    try:
        await job.outside.mail.send(Letter(to=address, subject=subject, text=text, key=f"device-{session}"))
    except Invalid as fault:
        log.warning("mail_refused", reason=fault.message)


@periodic("40 3 * * *")
async def forget_stale_sessions(ctx: Context) -> None:
    """Sessions and devices of long ago, tries and links that no longer matter."""
    await sessions.forget_stale(ctx)
    await accounts.forget_stale(ctx)
