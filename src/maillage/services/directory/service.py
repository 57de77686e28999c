"""The verbs of the directory: search, the circle of a person, somebody by national number."""

from dataclasses import dataclass
from typing import Any, Literal

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.fhir.national import FINESS, IDNPS, IDNST, RPPS
from maillage.services.directory.resources import entries
from maillage.services.directory.resources.entries import Entry
from maillage.services.directory.resources.members import Member, members
from maillage.services.directory.rules import Wanted

Resource = dict[str, Any]
What = Literal["professionnels", "structures", "services"]
PAGE = 20

CIRCLE_INCLUDES = tuple(
    ("_include", f"CareTeam:participant:{kind}") for kind in ("Practitioner", "PractitionerRole", "Organization", "RelatedPerson")
)


@dataclass(frozen=True, slots=True)
class Results:
    """One page of results, and the cursor of the next one (None: that was all)."""

    entries: list[Entry]
    next: str | None


async def search(ctx: Context, wanted: Wanted, *, what: What, cursor: str | None = None) -> Results:
    """Professionals, structures or services by name, national number and place; twenty a page."""
    ctx.require(Permission.DIRECTORY_READ)
    if what == "professionnels":
        return await _professionals(ctx, wanted, cursor)
    return await (_structures if what == "structures" else _services)(ctx, wanted, cursor)


async def circle(ctx: Context, patient: str) -> list[Member]:
    """The active members of the circle of a Patient id, general practitioner first; a linked identity has its record's circle."""
    person, known = await _person(ctx, patient)
    if person is None:
        return []
    about = ",".join(f"Patient/{one}" for one in (patient, *_records(person)))
    page = await ctx.records.search("CareTeam", [("patient", about), ("status", "active"), *CIRCLE_INCLUDES])
    unnamed = await _behind_roles(ctx, page.included)
    today = ctx.now.date().isoformat()
    return members(person, page.matches, [*known, *page.included, *unnamed], today=today)


async def general_practitioner(ctx: Context, patient: str) -> Member | None:
    """The general practitioner of a Patient id, or None."""
    person, known = await _person(ctx, patient)
    found = members(person, [], known, today=ctx.now.date().isoformat()) if person else []
    return next((member for member in found if member.reference.startswith("Practitioner/")), None)


async def find_practitioner(ctx: Context, *, rpps: str) -> Resource | None:
    """The Practitioner of this RPPS (11 digits), or None."""
    found = await ctx.records.find("Practitioner", {"identifier": f"{RPPS}|{rpps},{IDNPS}|8{rpps}"})
    return found[0] if found else None


async def organization_by_finess(ctx: Context, finess: str) -> Resource | None:
    """The Organization of this FINESS (9 characters), or None."""
    found = await ctx.records.find("Organization", {"identifier": f"{FINESS}|{finess},{IDNST}|1{finess}"})
    return found[0] if found else None


async def _person(ctx: Context, patient: str) -> tuple[Resource | None, list[Resource]]:
    """The Patient with the practitioners and structures it names; of a linked identity without any, those of its record."""
    page = await ctx.records.search("Patient", [("_id", patient), ("_include", "Patient:general-practitioner")])
    person = page.matches[0] if page.matches else None
    records = _records(person) if person else []
    if person and records and not person.get("generalPractitioner"):
        record = await ctx.records.search("Patient", [("_id", records[0]), ("_include", "Patient:general-practitioner")])
        if record.matches:
            chosen = record.matches[0].get("generalPractitioner", [])
            return {**person, "generalPractitioner": chosen}, [*page.included, *record.included]
    return person, page.included


def _records(person: Resource) -> list[str]:
    links = [link for link in person.get("link", []) if link.get("type") == "refer"]
    return [str(link["other"]["reference"]).removeprefix("Patient/") for link in links]


async def _behind_roles(ctx: Context, included: list[Resource]) -> list[Resource]:
    """The practitioners of PractitionerRole participants; nothing is asked when there is none."""
    roles = [one for one in included if one["resourceType"] == "PractitionerRole"]
    ids = [str(role["practitioner"]["reference"]).removeprefix("Practitioner/") for role in roles if "practitioner" in role]
    return await ctx.records.find("Practitioner", {"_id": ",".join(ids)}) if ids else []


async def _professionals(ctx: Context, wanted: Wanted, cursor: str | None) -> Results:
    params = [("practitioner.name", word) for word in wanted.words]
    if wanted.rpps:
        params.append(("practitioner.identifier", f"{RPPS}|{wanted.rpps}"))
    if wanted.finess:
        params.append(("organization.identifier", f"{FINESS}|{wanted.finess}"))
    params += _place("organization.address", wanted.place)
    params += [("_include", "PractitionerRole:practitioner"), ("_include", "PractitionerRole:organization")]
    page = await ctx.records.search("PractitionerRole", [*params, *_paging(cursor)])
    known = {f"{one['resourceType']}/{one['id']}": one for one in page.included}
    return Results(
        [
            entries.professional(
                role,
                known.get(role.get("practitioner", {}).get("reference", ""), {}),
                known.get(role.get("organization", {}).get("reference", ""), {}),
            )
            for role in page.matches
        ],
        page.next,
    )


async def _structures(ctx: Context, wanted: Wanted, cursor: str | None) -> Results:
    params = [("name:contains", word) for word in wanted.words]
    if wanted.finess:
        params.append(("identifier", f"{FINESS}|{wanted.finess}"))
    page = await ctx.records.search("Organization", [*params, *_place("address", wanted.place), *_paging(cursor)])
    return Results([entries.structure(one) for one in page.matches], page.next)


async def _services(ctx: Context, wanted: Wanted, cursor: str | None) -> Results:
    params = [("name:contains", word) for word in wanted.words]
    if wanted.finess:
        params.append(("organization.identifier", f"{FINESS}|{wanted.finess}"))
    params += [*_place("organization.address", wanted.place), ("_include", "HealthcareService:organization")]
    page = await ctx.records.search("HealthcareService", [*params, *_paging(cursor)])
    known = {f"{one['resourceType']}/{one['id']}": one for one in page.included}
    found = [entries.service(one, known.get(one.get("providedBy", {}).get("reference", ""), {})) for one in page.matches]
    return Results(found, page.next)


def _place(parameter: str, place: str) -> list[tuple[str, str]]:
    if not place:
        return []
    return [(f"{parameter}-postalcode" if place.isdigit() else f"{parameter}-city", place)]


def _paging(cursor: str | None) -> list[tuple[str, str]]:
    return [("_count", str(PAGE)), *([("_cursor", cursor)] if cursor else [])]
