"""Who is named in a message finds it in « Nouveautés » until they have read the conversation."""

from maillage.access.context import Context
from maillage.http.live import tell
from maillage.services.messaging.resources import message as messages
from maillage.services.messaging.resources import notice as notices
from maillage.services.messaging.service.notices import TOPIC

MENTION = "mention"
MANY = "200"


async def treat(ctx: Context, *, thread: str, patient: str) -> None:
    """Whoever acts has read a conversation about a person: the notices of messages of it that name them are treated."""
    me = ctx.actor.reference or ""
    asked = {"recipient": me, "status": notices.TO_TREAT, "category": notices.NOTIFICATION, "patient": f"Patient/{patient}"}
    found = await ctx.records.find("Communication", asked | {"_count": MANY})
    waiting = {notices.notice_from(one).about: one for one in found if notices.is_notice(one)}
    waiting = {about: one for about, one in waiting.items() if notices.notice_from(one).kind == MENTION}
    if not waiting:
        return
    ids = ",".join(sorted(about.partition("/")[2] for about in waiting))
    named = await ctx.records.find("Communication", {"_id": ids, "_count": MANY})
    read = [f"Communication/{one['id']}" for one in named if messages.message_from(one).thread == thread]
    await ctx.records.write_all(notices.with_status(waiting[about], notices.TREATED) for about in read)
    if read:
        await tell(ctx, [me], topic=TOPIC)
