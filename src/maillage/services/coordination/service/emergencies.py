"""Opening the record of somebody one does not follow: found by who they are, never listed."""

from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.services.identity import public as identity
from maillage.services.rights import public as rights


async def open_for(ctx: Context, traits: identity.Traits, *, matricule: str, reason: rights.Reason, words: str) -> str | None:
    """Opens the one record that has this INS, or these four traits; its id, None where none or several have them.

    A record that is theirs already is not opened again. What was tried in vain is in the trail too. Forbidden: `access.emergency.open_record`.
    """
    ctx.require(Permission.EMERGENCY_OPEN)
    record, opened = await _known(ctx, traits, matricule)
    if record and not opened:
        await rights.open_in_emergency(ctx, record, reason=reason, words=words)
    return record


async def open_for_call(ctx: Context, traits: identity.Traits, *, matricule: str, number: str) -> str | None:
    """As `open_for`, for the doctor who regulates the call of this number."""
    ctx.require(Permission.EMERGENCY_CALL)
    record, opened = await _known(ctx, traits, matricule)
    if record and not opened:
        await rights.open_for_call(ctx, record, number=number)
    return record


async def _known(ctx: Context, traits: identity.Traits, matricule: str) -> tuple[str | None, bool]:
    """The one record that is meant, and whether it is open to whoever acts already."""
    record = await identity.record_known_by(ctx, traits, matricule=matricule)
    if record is None:
        ctx.trace(Action.EXECUTE, "Patient", None, query="emergency=nobody")
        return None, False
    return record, bool(await ctx.records.find("Patient", [("_id", record)]))
