"""What follows an invitation: the directory has the person, then the link is mailed. What follows a closing: the directory says that they left."""

from uuid import UUID

import structlog

from maillage.access.context import Context
from maillage.connectors.mail.mailer import Letter
from maillage.errors import Invalid
from maillage.jobs import Job, errand, reaction
from maillage.services.accounts.events import AccountClosed, AccountInvited
from maillage.services.accounts.rules import invitations
from maillage.services.accounts.service import accounts

log = structlog.get_logger(__name__)
LINK = "/compte/lien"


@reaction(AccountInvited)
async def welcome(ctx: Context, event: AccountInvited) -> None:
    """The directory first: whoever uses the link at once already is somebody there."""
    await accounts.enrol(ctx, UUID(event.account))
    await ctx.later(mail_the_link, account=event.account)


@reaction(AccountClosed)
async def tell_the_directory(ctx: Context, event: AccountClosed) -> None:
    """Their membership ends."""
    await accounts.retire(ctx, UUID(event.account))


@errand(queue="mail")
async def mail_the_link(job: Job, *, account: str) -> None:
    """A new link in a letter. The link is made here, so that no job holds it; one mailed twice, only the second opens anything."""
    async with job.act() as ctx:
        found = await accounts.account_by_id(ctx, UUID(account))
        if found.closed:
            return
        secret = await accounts.new_link(ctx, found.id)
    subject, text = invitations.letter(f"{job.outside.base_url.rstrip('/')}{LINK}?lien={secret}", again=found.ready is not None)
    try:
        await job.outside.mail.send(Letter(to=found.email, subject=subject, text=text, key=job.key))
    except Invalid as fault:
        log.warning("mail_refused", reason=fault.message)
