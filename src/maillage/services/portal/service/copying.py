"""The copy of a whole record that a person takes with them: to be read, and as FHIR (RGPD art. 15 and 20; CSP R1111-9).

A ZIP: `dossier.html` to be read anywhere, `dossier.json` a Bundle of everything, `documents/` the originals as received. It is written page by
page: what is held in memory does not grow with the record.
"""

import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import IO, Any

from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Gone, NotFound
from maillage.fhir.change import Stored
from maillage.fhir.operations.everything import Everything
from maillage.services.documents import public as documents
from maillage.services.identity.public import identities_of
from maillage.services.rights.public import thing_words
from maillage.ui.environment import environment
from maillage.ui.words import person_name

PAGE = 200
LONGEST = 300
"""Letters of one line of the readable part; the whole is in the Bundle."""

Resource = Mapping[str, Any]
_DATES = (
    "effectiveDateTime", "onsetDateTime", "performedDateTime", "occurrenceDateTime", "authoredOn", "date", "dateTime", "start", "sent", "recordedDate",
    "created", "issued", "authored",
)  # fmt: skip
_TEXTS = ("code", "medicationCodeableConcept", "vaccineCode", "type", "description", "title", "serviceType")


async def write_copy(ctx: Context, patient: str, to: IO[bytes]) -> int:
    """Writes the copy of a person's record (id of their Patient) as a ZIP; how many resources it holds. What is hidden from the person is not in it."""
    ctx.require(Permission.RECORD_COPY, patient=patient)
    ctx.trace(Action.EXECUTE, "Patient", patient, patient=patient, query="export")
    originals: list[str] = []
    lines: dict[str, list[tuple[str, str]]] = {}
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        count = await _write_bundle(ctx, patient, archive, originals, lines)
        kept = [id for id in originals if await _write_original(ctx, id, archive)]
        name = person_name((await ctx.records.read("Patient", patient)).get("name", []))
        values = {"name": name, "now": ctx.now, "sections": _sorted(lines), "documents": kept, "count": count}
        page = environment().get_template("portal/copy.html").render(values)
        archive.writestr("dossier.html", page)
    return count


async def _write_bundle(
    ctx: Context, patient: str, archive: zipfile.ZipFile, originals: list[str], lines: dict[str, list[tuple[str, str]]]
) -> int:
    seen = set[tuple[str, str]]()
    with archive.open("dossier.json", "w", force_zip64=True) as bundle:
        bundle.write(b'{"resourceType":"Bundle","type":"collection","entry":[')
        async for one in _everything(ctx, patient):
            if one.body is None or (one.type, one.id) in seen:
                continue
            bundle.write((b"," if seen else b"") + b'{"resource":' + one.body + b"}")
            seen.add((one.type, one.id))
            lines.setdefault(thing_words(one.type), []).append(_line(one.resource))
            if one.type == "DocumentReference":
                originals.append(one.id)
        bundle.write(b"]}")
    return len(seen)


async def _everything(ctx: Context, patient: str) -> AsyncIterator[Stored]:
    """Each resource of the record, under all identities of the person, with what it names; some more than once."""
    for identity in await identities_of(ctx, patient):
        cursor = None
        while True:
            page = await ctx.records.operations.everything(Everything("Patient", identity, count=PAGE, cursor=cursor))
            for one in [*page.matches, *page.included]:
                yield one
            if (cursor := page.next) is None:
                break


async def _write_original(ctx: Context, id: str, archive: zipfile.ZipFile) -> bool:
    """Whether the bytes of a document are kept here; a withdrawn one is left out."""
    try:
        if not await documents.is_original(ctx, id):
            return False
        archive.writestr(f"documents/{id}.xml", await documents.original(ctx, id))
    except (NotFound, Gone):
        return False
    return True


def _line(resource: Resource) -> tuple[str, str]:
    """When, and what, in words."""
    when = next((str(resource[name]) for name in _DATES if isinstance(resource.get(name), str)), "")
    period = resource.get("period") or resource.get("effectivePeriod") or {}
    return (when or str(period.get("start", "")))[:10], " ".join(filter(None, _words(resource)))[:LONGEST]


def _words(resource: Resource) -> Iterator[str]:
    if isinstance(resource.get("name"), list):
        yield person_name(resource["name"])
    elif isinstance(resource.get("name"), str):
        yield resource["name"]
    for name in _TEXTS:
        value = resource.get(name)
        yield value if isinstance(value, str) else _concept(value)
    quantity = resource.get("valueQuantity") or {}
    if "value" in quantity:
        yield f"{quantity['value']} {quantity.get('unit', '')}"
    yield str(resource.get("valueString", ""))


def _concept(value: object) -> str:
    """The words of a CodeableConcept, of the first of several."""
    one = value[0] if isinstance(value, list) and value else value
    if not isinstance(one, dict):
        return ""
    return str(one.get("text") or next((coding["display"] for coding in one.get("coding", []) if "display" in coding), ""))


def _sorted(lines: Mapping[str, list[tuple[str, str]]]) -> list[tuple[str, list[tuple[str, str]]]]:
    return [(title, sorted(found, reverse=True)) for title, found in sorted(lines.items())]


def file_name(at: datetime) -> str:
    """What the copy is called: nothing of the person, since it lies among their downloads."""
    return f"maillage-mon-dossier-{at:%Y-%m-%d}.zip"
