"""The inbox of whoever acts: what was put before them or their team, treated by saying so."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Forbidden
from maillage.services.messaging.events import NoticeTreated
from maillage.services.messaging.resources import notice as resources
from maillage.services.messaging.resources.notice import TO_TREAT, TREATED

PAGE = 50
NOBODY = "Practitioner/none"


async def mark(ctx: Context, *, notice: str, treated: bool) -> dict[str, Any]:
    """Marks a notice to oneself, or to one's team, as treated, or takes that back. Forbidden on another's."""
    ctx.require(Permission.INBOX_TREAT)
    resource = await ctx.records.read("Communication", notice)
    if resources.recipient_of(resource) not in addressees(ctx):
        raise Forbidden("a notice is marked by the one it was sent to")
    wanted = TREATED if treated else TO_TREAT
    if resource["status"] == wanted:
        return resource
    written = await ctx.records.write(resources.with_status(resource, wanted))
    ctx.announce(NoticeTreated(notice=notice, recipient=ctx.actor.reference or "", treated=treated))
    return written


@dataclass(frozen=True, slots=True)
class Inbox:
    """One page of an inbox: notices newest first, the patients they are about by id, what they are about by reference ("Task/3"), the next page's cursor."""

    notices: list[resources.Notice]
    patients: dict[str, dict[str, Any]]
    matters: dict[str, dict[str, Any]]
    next: str | None


async def inbox(ctx: Context, *, treated: bool = False, cursor: str | None = None) -> Inbox:
    """The notices of whoever acts: a statement, and one more for each type of what they are about."""
    ctx.require(Permission.INBOX_READ)
    parameters = [
        *_wanted(ctx, TREATED if treated else TO_TREAT),
        ("_sort", "-sent"),
        ("_count", str(PAGE)),
        ("_include", "Communication:subject"),
    ]
    if cursor:
        parameters.append(("_cursor", cursor))
    page = await ctx.records.search("Communication", parameters)
    notices = [resources.notice_from(r) for r in page.matches if resources.is_notice(r)]
    return Inbox(notices, {r["id"]: r for r in page.included}, await _matters(ctx, {n.about for n in notices}), page.next)


async def count_to_treat(ctx: Context) -> int:
    """How many notices wait for whoever acts: the figure in the top bar."""
    return (await ctx.records.search("Communication", [*_wanted(ctx, TO_TREAT), ("_summary", "count")])).total or 0


def addressees(ctx: Context) -> tuple[str, ...]:
    """By which names a notice is for whoever acts: their own, and those of their teams."""
    return (ctx.actor.reference or NOBODY, *ctx.actor.organizations)


def _wanted(ctx: Context, status: str) -> list[tuple[str, str]]:
    return [("recipient", ",".join(addressees(ctx))), ("status", status), ("category", resources.NOTIFICATION)]


async def _matters(ctx: Context, references: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What the notices are about, as far as the reader sees it, by reference."""
    by_type: dict[str, list[str]] = {}
    for reference in sorted(references):
        kind, _, id = reference.partition("/")
        by_type.setdefault(kind, []).append(id)
    found = {}
    for kind, ids in by_type.items():
        for one in await ctx.records.find(kind, [("_id", ",".join(ids)), ("_count", str(PAGE))]):
            found[f"{kind}/{one['id']}"] = one
    return found
