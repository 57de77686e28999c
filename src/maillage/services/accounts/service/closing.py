"""The verbs by which an operator ends sessions that are not theirs: of one person, or of everybody."""

import re
from uuid import UUID

from maillage.access import sessions
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid
from maillage.fhir.national import RPPS
from maillage.services.accounts.service.accounts import account_by_email

_REFERENCE = re.compile(r"(?:Practitioner|Patient|RelatedPerson)/[A-Za-z0-9.-]{1,64}|account:[0-9a-f-]{36}")
_NUMBER = re.compile(r"[0-9A-Z]{8,14}")


async def end_of(ctx: Context, who: str) -> int:
    """All sessions and tokens of somebody, and what they let software do: by RPPS or IDNPS, e-mail address of an account, or the reference that the
    trail shows. Answers how many sessions; Invalid at `qui`, in French, for what names nobody."""
    ctx.require(Permission.SESSION_END)
    actors = await _actors(ctx, who.strip())
    if not actors:
        raise Invalid.at("qui", "Personne n’a ce numéro, cette adresse ou cette référence")
    ended = sum([await sessions.end_all(ctx, one) for one in sorted(actors)])
    for one in sorted(actors):
        ctx.trace(Action.EXECUTE, "sign-out", f"of {one}")
    return ended


async def end_everybody(ctx: Context, *, but: UUID | None) -> int:
    """Everybody's, but the one of whoever acts. Answers how many."""
    ctx.require(Permission.SESSION_END)
    ended = await sessions.end_everybody(ctx, but=but)
    ctx.trace(Action.EXECUTE, "sign-out", "of everybody")
    return ended


async def how_many(ctx: Context) -> int:
    """How many sessions last."""
    ctx.require(Permission.SESSION_END)
    return await sessions.how_many(ctx)


async def _actors(ctx: Context, who: str) -> set[str]:
    """The ids under which this person acts."""
    if _REFERENCE.fullmatch(who):
        return {who}
    if "@" in who:
        account = await account_by_email(ctx, who.lower())
        return {account.actor(account.roles).id, f"account:{account.id}"} if account else set()
    number = who.replace(" ", "").upper()
    found = await ctx.records.find("Practitioner", {"identifier": f"{RPPS}|{number}"}) if _NUMBER.fullmatch(number) else []
    return {f"Practitioner/{one['id']}" for one in found}
