"""Reactions to documents, and the e-mail that says to look."""

from collections.abc import Sequence

import structlog

from maillage.access.context import Context
from maillage.connectors.mail.mailer import Letter
from maillage.connectors.push import Unsubscribed
from maillage.errors import Invalid, Unavailable
from maillage.jobs import Job, errand, periodic, reaction, reaction_to_many
from maillage.services.documents.events import AnnouncementDue, DocumentDeleted, DocumentReceived, DocumentReplaced
from maillage.services.messaging.events import MatterTold, MessagePosted
from maillage.services.messaging.resources import notice as resources
from maillage.services.messaging.rules import notices as rules
from maillage.services.messaging.service import alerting, mail, matters, pushing
from maillage.services.messaging.service import notices as service
from maillage.services.messaging.service.notices import News
from maillage.services.messaging.service.telling import Due

log = structlog.get_logger(__name__)

AT_ONCE = 200
MOST_FAULTS = 20
"""Mailboxes that are to be tried later, after which it is the server that is away."""


@reaction_to_many(DocumentReceived, batch=16)
async def tell_the_circle(ctx: Context, events: Sequence[DocumentReceived]) -> None:
    """A document about a person who is known for certain reaches everyone of their circle who may see it."""
    news = [
        News(document=event.document, patient=event.patient, author=event.author, custodian=event.organization)
        for event in events
        if event.certain
    ]
    if news:
        await _send(ctx, (await service.post(ctx, news)).due)


@reaction(AnnouncementDue)
async def remind_the_author(ctx: Context, event: AnnouncementDue) -> None:
    """Who keeps a document from its person, to tell them first, finds it among what they have to treat."""
    if event.author:
        await _send(ctx, (await service.remind(ctx, event)).due)


@reaction(DocumentReplaced)
async def treat_the_replaced(ctx: Context, event: DocumentReplaced) -> None:
    """What was replaced is no longer to be read: its notices are treated, the new document has its own."""
    await service.withdraw(ctx, document=event.document, status=resources.TREATED)


@reaction(DocumentDeleted)
async def withdraw_the_deleted(ctx: Context, event: DocumentDeleted) -> None:
    """A deleted document leaves every inbox."""
    await service.withdraw(ctx, document=event.document)


@reaction(MatterTold)
async def put_before(ctx: Context, event: MatterTold) -> None:
    """What a service above wants somebody to look at, or nobody any more, in the order in which it was said."""
    if event.settled:
        await matters.treat_settled(ctx, event)
    else:
        await _send(ctx, (await matters.post(ctx, event)).due)


@reaction(MessagePosted)
async def tell_the_readers(ctx: Context, event: MessagePosted) -> None:
    """A message is told to those who read it, and put before those whom it names."""
    await _send(ctx, await alerting.tell_of_message(ctx, event))


async def _send(ctx: Context, due: Due) -> None:
    if due.mail:
        await ctx.later(send_mail)
    if due.push:
        await ctx.later(send_push)


@errand(queue="mail")
async def send_mail(job: Job) -> None:
    """Sends the e-mails that are owed, one for each person, however many notices wait for them.

    A mailbox that is full keeps nobody else's from going: the job ends with the fault when the others have theirs, and comes back.
    """
    async with job.act(read_only=True) as ctx:
        owed = await mail.owed_mail(ctx, limit=AT_ONCE)
    faults: list[Unavailable] = []
    for one in owed:
        subject, text = rules.mail_text(one.count, job.outside.base_url, place=rules.place_of(one.recipient))
        key = f"{one.recipient.replace('/', '-')}-{one.since:%Y%m%d%H%M%S}"
        try:
            await job.outside.mail.send(Letter(to=one.address, subject=subject, text=text, key=key))
        except Invalid as fault:
            log.warning("mail_refused", reason=fault.message)
            async with job.act() as ctx:
                await mail.mail_refused(ctx, recipient=one.recipient)
            continue
        except Unavailable as fault:
            faults.append(fault)
            if len(faults) >= MOST_FAULTS:
                break
            continue
        async with job.act() as ctx:
            await mail.mail_sent(ctx, recipient=one.recipient, counted=one.count)
    if faults:
        raise faults[0]


@errand(queue="mail")
async def send_push(job: Job) -> None:
    """Tells the browsers that are owed something, each once however many notices wait for it.

    One that its push service knows no more is forgotten. What may go later comes back with the job, when the others have theirs.
    """
    push = job.outside.push
    if push is None:
        return
    async with job.act(read_only=True) as ctx:
        owed = await pushing.owed(ctx, limit=AT_ONCE)
    faults: list[Unavailable] = []
    for one in owed:
        message = rules.push_words(one.count, place=rules.place_of(one.person))
        try:
            await push.send(one.to, message, urgent=one.urgent)
            done = pushing.sent
        except Unsubscribed:
            done = pushing.forget
        except Invalid as fault:
            log.warning("push_refused", reason=fault.message)
            done = pushing.refused
        except Unavailable as fault:
            faults.append(fault)
            if len(faults) >= MOST_FAULTS:
                break
            continue
        async with job.act() as ctx:
            await done(ctx, one)
    if faults:
        raise faults[0]


@periodic("*/5 * * * *")
async def send_what_waited(ctx: Context) -> None:
    """Those who were told a moment ago, or did not want to be, are told of what came since."""
    await _send(ctx, Due(bool(await mail.owed_mail(ctx, limit=1)), bool(await pushing.owed(ctx, limit=1))))


@periodic("40 4 * * *")
async def forget_idle_browsers(ctx: Context) -> None:
    """A browser to which nothing went for a year is forgotten."""
    await pushing.forget_idle(ctx)
