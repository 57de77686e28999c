"""Reactions: what protocols ask for becomes a task; a request for support gets its Task, and opens what it was accepted for; what moves a plan asks for its review."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from maillage.access.context import Context
from maillage.connectors.mail import Letter
from maillage.errors import Invalid
from maillage.jobs import Job, errand, periodic, reaction, reaction_to_many, task
from maillage.services.coordination.events import (
    AlertEnded,
    AlertRaised,
    CoordinationRefused,
    InvitationMoved,
    MeasureTaken,
    MeetingConcluded,
    MemberLeft,
    PlanContested,
    PlanPublished,
    ReferentNamed,
    ReminderSet,
    SupportAnswered,
    SupportAsked,
    TaskGiven,
)
from maillage.services.coordination.rules.invitations import letter
from maillage.services.coordination.rules.support import State
from maillage.services.coordination.service import (
    alerts,
    episodes,
    invitation_following,
    invitations,
    leavers,
    meeting_report,
    plan_publishing,
    plan_reviews,
    refusals,
    retention,
    support,
    support_telling,
    tasks,
    watching,
    work,
)
from maillage.services.pathways.events import ActionDue

log = structlog.get_logger(__name__)


@reaction_to_many(ActionDue, batch=16)
async def plan_the_action(ctx: Context, events: Sequence[ActionDue]) -> None:
    """An action that is due becomes a task of the person's coordination team, if one supports them."""
    await tasks.plan(ctx, events)


@reaction(SupportAsked)
async def put_before_the_team(ctx: Context, event: SupportAsked) -> None:
    """A request for support has its Task in the team's list."""
    await support.begin(ctx, request=event.request)
    await support_telling.tell_the_team(ctx, request=event.request)


@reaction(SupportAnswered)
async def follow_the_answer(ctx: Context, event: SupportAnswered) -> None:
    """What was accepted is opened: the episode, and the team in the circle; what is closed ends."""
    await support_telling.tell_of_the_answer(ctx, request=event.request, task=event.task)
    if event.state == State.ACCEPTED:
        await episodes.open_for(ctx, request=event.request, referent=event.by)
    if event.state == State.CLOSED:
        await episodes.end_for(ctx, request=event.request, task=event.task)


@reaction(InvitationMoved)
async def follow_the_invitation(ctx: Context, event: InvitationMoved) -> None:
    """An invitation has its Task and its notices; its letter leaves; who accepted it is in the circle."""
    if await invitation_following.follow(ctx, event.invitation):
        await ctx.later(mail_the_invitation, invitation=event.invitation)


@errand(queue="mail")
async def mail_the_invitation(job: Job, *, invitation: str) -> None:
    """The link in a letter. It is made here, so that no job holds it; one mailed twice, only the second opens anything."""
    async with job.act() as ctx:
        made = await invitations.new_link(ctx, invitation)
    if made is None:
        return
    one, secret = made
    subject, text = letter(one.inviter_name, f"{job.outside.base_url.rstrip('/')}/invitation?lien={secret}")
    try:
        await job.outside.mail.send(Letter(to=one.email, subject=subject, text=text, key=job.key))
    except Invalid as fault:
        log.warning("mail_refused", reason=fault.message)
        async with job.act() as ctx:
            await invitations.undelivered(ctx, invitation)


@reaction(ReferentNamed)
async def follow_the_referent(ctx: Context, event: ReferentNamed) -> None:
    """The support of somebody is in the hands of the referent whom the circle names."""
    await episodes.follow_referent(ctx, patient=event.patient, member=event.member)


@reaction(MemberLeft)
async def hand_back_their_tasks(ctx: Context, event: MemberLeft) -> None:
    """What somebody who leaves the circle holds open ends, and what was asked of them goes back to who asked."""
    if event.at:
        await ctx.later(hand_back_later.at(datetime.fromisoformat(event.at)), patient=event.patient, who=list(event.who))
    else:
        await leavers.follow(ctx, event.patient, event.who)


@task()
async def hand_back_later(ctx: Context, *, patient: str, who: Sequence[str] = ()) -> None:
    """The last day of a member is over."""
    await leavers.follow(ctx, patient, who)


@reaction(CoordinationRefused)
async def end_what_is_refused(ctx: Context, event: CoordinationRefused) -> None:
    """A person who refuses coordination is supported by no team, and nobody waits for one."""
    await refusals.follow(ctx, patient=event.patient)


@reaction(TaskGiven)
async def tell_who_has_it(ctx: Context, event: TaskGiven) -> None:
    """A task that was given is put before who has it now."""
    await work.tell_owner(ctx, event)


@reaction(ReminderSet)
async def wait_for_the_reminder(ctx: Context, event: ReminderSet) -> None:
    """A reminder is a job that waits for its moment."""
    await ctx.later(remind_of_a_task.at(datetime.fromisoformat(event.at)), about=event.task, at=event.at)


@task()
async def remind_of_a_task(ctx: Context, *, about: str, at: str) -> None:
    """Reminds who has the task, unless it was done or put off meanwhile."""
    await work.remind(ctx, task=about, at=at)


@reaction_to_many(ActionDue, batch=16)
async def review_after_return(ctx: Context, events: Sequence[ActionDue]) -> None:
    """A return home asks for the review of the person's plan, if they have one."""
    for event in events:
        await plan_reviews.after_return(ctx, event)


@reaction(PlanContested)
async def review_what_is_contested(ctx: Context, event: PlanContested) -> None:
    """A disagreement asks for the review of the plan."""
    await plan_reviews.after_disagreement(ctx, event)


@reaction(PlanPublished)
async def publish_the_plan(ctx: Context, event: PlanPublished) -> None:
    """A version of a plan is put into the record as a document, in place of the one before."""
    await plan_publishing.put_into_record(ctx, event)


@reaction(MeetingConcluded)
async def report_the_meeting(ctx: Context, event: MeetingConcluded) -> None:
    """A concertation that was held leaves its report in the record."""
    await meeting_report.put_into_record(ctx, event)


@periodic("20 5 * * *")
async def remind_of_reviews(ctx: Context) -> None:
    """A plan whose day of review is near is a task of its team, once."""
    await plan_reviews.remind(ctx)


@periodic("10 4 * * *")
async def forget_what_is_over(ctx: Context) -> None:
    """Invitations, absences and bookings that nobody needs any more go."""
    await retention.forget(ctx)


@reaction(AlertRaised)
async def put_the_alert_before_somebody(ctx: Context, event: AlertRaised) -> None:
    """An alert gets its task, and is put before whom it concerns."""
    await alerts.begin(ctx, flag=event.flag)


@reaction(AlertEnded)
async def leave_the_alert(ctx: Context, event: AlertEnded) -> None:
    """An alert that is over waits for nobody."""
    await alerts.end(ctx, flag=event.flag)


@periodic("* * * * *")
async def tell_the_next(ctx: Context) -> None:
    """An alert that nobody took within its delay is put before the next."""
    await alerts.escalate(ctx)


@reaction(MeasureTaken)
async def look_at_the_measure(ctx: Context, event: MeasureTaken) -> None:
    """A measure that is out of what is wanted for this person is an alert, whatever the door by which it came."""
    await watching.look(ctx, observation=event.observation, patient=event.patient)
