"""Words looked for in one record: in everything that people wrote there, whatever the form of the word, its case and accents (ADR 0021)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from maillage.access import matrix
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid
from maillage.fhir.search import parse_several
from maillage.services.coordination.resources import telling
from maillage.services.coordination.resources.telling import Told
from maillage.services.coordination.service import threads
from maillage.services.identity import public as identity
from maillage.ui import Banner

MOST = 60
TYPES = (*threads.TYPES, "RelatedPerson")
GROUPS = {**dict(threads.KINDS.values()), "Proches": ("RelatedPerson",)}


@dataclass(frozen=True, slots=True)
class Found:
    """The banner; lines by the words of their kind, the last first; `more`: not all are shown; `fault`: why nothing could be looked for."""

    banner: Banner
    groups: dict[str, list[Told]]
    more: bool = False
    fault: str = ""


async def find(ctx: Context, *, patient: str, text: str) -> Found:
    """What a record, and what is linked to it, holds of these words, among what whoever looks may see."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    kept = await matrix.types_kept(ctx)
    banner = await identity.banner(ctx, patient, kept=kept)
    if not text:
        return Found(banner, {})
    identities = await identity.identities_of(ctx, patient)
    types = [kind for kind in TYPES if kind not in kept]
    found: list[dict[str, Any]] = []
    try:
        for one in identities:
            asked = [("_type", ",".join(types)), ("_content", text), ("_count", str(MOST))]
            page = await ctx.records.search_raw(parse_several(asked, within=("Patient", one)))
            found += [match.resource for match in page.matches]
    except Invalid:
        return Found(banner, {}, fault="Cherchez un mot entier : « le », « de » et les débuts de mots ne suffisent pas")
    return Found(banner, dict(_grouped(found[:MOST], patient)), len(found) >= MOST)


def _grouped(found: list[dict[str, Any]], patient: str) -> Iterator[tuple[str, list[Told]]]:
    for words, types in GROUPS.items():
        lines = [
            telling.told(one, patient=patient) for one in found if one["resourceType"] in types and not threads.passed_over(one)
        ]
        if lines:
            yield words, sorted(lines, key=lambda line: line.at, reverse=True)
