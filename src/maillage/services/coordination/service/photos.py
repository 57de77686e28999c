"""Photographs of the record: taken with a telephone, kept without what the telephone adds, shown to who may read them."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Forbidden, NotFound
from maillage.files.kinds import contradiction
from maillage.files.photographs import KIND, photographed
from maillage.services.coordination.resources import photo as resources
from maillage.services.identity import public as identity

SMALL = 160
MOST = 4  # of one note, of one look
SHOWN = frozenset({KIND, "image/png", "image/webp"})

Resource = dict[str, Any]


async def taken(
    ctx: Context, contents: Sequence[bytes], *, patient: str, title: str, site: Resource | None = None, note: str = ""
) -> list[Resource]:
    """The Media of these photographs, to be written with what they show. Unprocessable or TooLarge for what is none, at the place `photo`."""
    if len(contents) > MOST:
        raise Forbidden.at("photo", f"{MOST} photographs at most at a time")
    made = [await photographed(content, "photo") for content in contents]
    return [
        resources.photo_for(one, id=str(uuid4()), patient=patient, by=ctx.actor.reference, name=ctx.actor.name, at=ctx.now, title=title, site=site, note=note)
        for one in made
    ]  # fmt: skip


async def opened(ctx: Context, *, patient: str, photo: str, small: bool) -> tuple[str, bytes]:
    """Media type and bytes of a photograph of this record, or of its small likeness; NotFound where it is not of the record or is no picture that a browser shows."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    return await picture(ctx, patient=patient, photo=photo, small=small)


async def picture(ctx: Context, *, patient: str, photo: str, small: bool) -> tuple[str, bytes]:
    """The same; the right was asked by the caller."""
    resource = await ctx.records.read("Media", photo)
    own = {f"Patient/{one}" for one in await identity.identities_of(ctx, patient)}
    found = resources.bytes_of(resource)
    if resource.get("subject", {}).get("reference") not in own or found is None:
        raise NotFound(f"Media/{photo} is no photograph of this record")
    kind, content = found
    if kind not in SHOWN or contradiction(kind, content):
        raise NotFound(f"Media/{photo} is of no kind that is shown here")
    return (KIND, await photographed(content, "photo", side=SMALL)) if small else (kind, content)
