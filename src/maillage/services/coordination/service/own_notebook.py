"""The notebook of the person and of who helps them at home: they read what they are let see, and write how the day went."""

from collections.abc import Sequence
from dataclasses import dataclass

from maillage.access.context import Context
from maillage.access.habilitation.carers import scope_of
from maillage.access.permissions import Permission
from maillage.errors import Forbidden, Invalid
from maillage.services.coordination.resources.note import DAYS
from maillage.services.coordination.service import notebook, photos
from maillage.services.coordination.service.notebook import Notebook
from maillage.services.rights import public as rights

KIND = "GEN"


@dataclass(frozen=True, slots=True)
class OwnNotebook:
    """What the page shows: the notebook, None for a carer who is let see no document; `own`: it is the person who looks."""

    patient: str
    own: bool
    book: Notebook | None


async def read(ctx: Context) -> OwnNotebook:
    """The notes that whoever acts is let see of the person, or wrote."""
    ctx.require(Permission.NOTEBOOK_OWN)
    patient = await rights.person_of(ctx)
    book = await notebook.of(ctx, patient) if await _opens(ctx) else None
    return OwnNotebook(patient, ctx.actor.reference == f"Patient/{patient}", book)


async def write(ctx: Context, *, text: str, day: str, important: bool, pictures: Sequence[bytes] = ()) -> None:
    """A note in plain words, or how the day went, or both; Invalid without either."""
    ctx.require(Permission.NOTEBOOK_OWN)
    if day not in DAYS:
        raise Invalid.at("journee", "no such day")
    if not await _opens(ctx):
        raise Forbidden("this carer was not let see the notebook")
    await notebook.add(
        ctx, patient=await rights.person_of(ctx), text=text.strip() or DAYS[day], kind=KIND, important=important, pictures=pictures, day=day
    )  # fmt: skip


async def withdraw(ctx: Context, *, note: str, version: str) -> None:
    """Takes one's own note out of the notebook."""
    ctx.require(Permission.NOTEBOOK_OWN)
    await notebook.take_out(ctx, patient=await rights.person_of(ctx), note=note, version=version)


async def say_read(ctx: Context, *, until: str) -> None:
    """Whoever acts read the notes that they see and that were written until an instant."""
    ctx.require(Permission.NOTEBOOK_OWN)
    await notebook.keep_read(ctx, patient=await rights.person_of(ctx), until=until)


async def picture(ctx: Context, *, photo: str, small: bool) -> tuple[str, bytes]:
    """Media type and bytes of a photograph of the notebook that they are let see."""
    ctx.require(Permission.NOTEBOOK_OWN)
    return await photos.picture(ctx, patient=await rights.person_of(ctx), photo=photo, small=small)


async def _opens(ctx: Context) -> bool:
    """Whether whoever acts may read a document at all: a carer who is let see the agenda may not."""
    kind, _, id = (ctx.actor.reference or "").partition("/")
    if kind != "RelatedPerson":
        return True
    scope = scope_of(await ctx.records.read("RelatedPerson", id))
    return scope is not None and "DocumentReference" not in scope.kept_types
