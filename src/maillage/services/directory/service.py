"""The verbs of the directory: search, the circle of a person, somebody by national number."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
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
MANY = (("_count", "1000"),)

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
    return (await circles(ctx, [patient]))[patient]


async def circles(ctx: Context, patients: Iterable[str]) -> dict[str, list[Member]]:
    """The `circle` of each of these Patient ids, in two statements for all of them; that of someone unknown is empty."""
    found: dict[str, list[Member]] = {patient: [] for patient in patients}
    persons, known = await _persons(ctx, found)
    about = {patient: {f"Patient/{one}" for one in (patient, *_records(person))} for patient, person in persons.items()}
    if not about:
        return found
    named = ",".join(sorted(set().union(*about.values())))
    page = await ctx.records.search("CareTeam", [("patient", named), ("status", "active"), *MANY, *CIRCLE_INCLUDES])
    known = [*known, *page.included, *await _behind_roles(ctx, page.included)]
    today = ctx.now.date().isoformat()
    for patient, person in persons.items():
        teams = [team for team in page.matches if _subject(team) in about[patient]]
        found[patient] = members(person, teams, known, today=today)
    return found


async def professionals(ctx: Context, references: Iterable[str]) -> dict[str, Member]:
    """What the directory knows of these Practitioners, in a circle or not, by reference; who works in several places stands for all of them."""
    wanted = ",".join(sorted(set(references)))
    if not wanted:
        return {}
    includes = (("_include", "PractitionerRole:practitioner"), ("_include", "PractitionerRole:organization"))
    page = await ctx.records.search("PractitionerRole", [("practitioner", wanted), ("active", "true"), *MANY, *includes])
    plain = await ctx.records.find("Practitioner", [("_id", wanted.replace("Practitioner/", "")), *MANY])
    named = [f"PractitionerRole/{one['id']}" for one in page.matches] + [f"Practitioner/{one['id']}" for one in plain]
    team = {"participant": [{"member": {"reference": one}} for one in named]}
    found = members({}, [team], [*page.matches, *page.included, *plain], today=ctx.now.date().isoformat())
    places = Counter(str(role["practitioner"]["reference"]) for role in page.matches if "practitioner" in role)
    return {one.reference: replace(one, role=None) if places[one.reference] > 1 else one for one in found}


async def general_practitioner(ctx: Context, patient: str) -> Member | None:
    """The general practitioner of a Patient id, or None."""
    persons, known = await _persons(ctx, [patient])
    found = members(persons[patient], [], known, today=ctx.now.date().isoformat()) if persons else []
    return next((member for member in found if member.reference.startswith("Practitioner/")), None)


async def find_practitioner(ctx: Context, *, rpps: str) -> Resource | None:
    """The Practitioner of this RPPS (11 digits), or None."""
    found = await ctx.records.find("Practitioner", {"identifier": f"{RPPS}|{rpps},{IDNPS}|8{rpps}"})
    return found[0] if found else None


async def organization_by_finess(ctx: Context, finess: str) -> Resource | None:
    """The Organization of this FINESS (9 characters), or None."""
    found = await ctx.records.find("Organization", {"identifier": f"{FINESS}|{finess},{IDNST}|1{finess}"})
    return found[0] if found else None


async def _persons(ctx: Context, patients: Iterable[str]) -> tuple[dict[str, Resource], list[Resource]]:
    """Those Patients that exist, by id, and the practitioners and structures they name; a linked identity without any has those of its record."""
    persons, known = await _with_practitioners(ctx, patients)
    lacking = {
        patient: records[0]
        for patient, one in persons.items()
        if not one.get("generalPractitioner") and (records := _records(one))
    }
    if lacking:
        of_records, more = await _with_practitioners(ctx, lacking.values())
        for patient, record in lacking.items():
            if chosen := of_records.get(record, {}).get("generalPractitioner"):
                persons[patient] = {**persons[patient], "generalPractitioner": chosen}
        known = [*known, *more]
    return persons, known


async def _with_practitioners(ctx: Context, patients: Iterable[str]) -> tuple[dict[str, Resource], list[Resource]]:
    page = await ctx.records.search(
        "Patient", [("_id", ",".join(sorted(set(patients)))), ("_include", "Patient:general-practitioner"), *MANY]
    )
    return {one["id"]: one for one in page.matches}, page.included


def _subject(team: Resource) -> str:
    """The "Patient/…" a team is about: a reference to one version of it is one to the person."""
    return str(team["subject"].get("reference", "")).partition("/_history/")[0]


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
